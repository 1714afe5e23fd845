/** Radii of a tree's rings, the outermost first: good years are wide, bad ones narrow. */
export function rings(years: number, radius: number): number[] {
  const widths = Array.from({ length: years }, (_, year) => 2 + Math.sin(year * 2.4));
  const whole = widths.reduce((sum, width) => sum + width, 0);
  let left = radius;
  return widths.map((width) => {
    const outer = left;
    left -= (width / whole) * radius;
    return outer;
  });
}
