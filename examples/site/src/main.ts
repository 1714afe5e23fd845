import { rings } from './rings.ts';

declare const __TITLE__: string;

const title = document.querySelector('h1') as HTMLHeadingElement;
const tree = document.querySelector('svg') as SVGSVGElement;
const years = document.querySelector('input') as HTMLInputElement;

function draw(): void {
  title.textContent = __TITLE__;
  const circles = rings(years.valueAsNumber, 95).map((radius) => {
    const circle = document.createElementNS(tree.namespaceURI, 'circle');
    circle.setAttribute('r', radius.toFixed(2));
    return circle;
  });
  tree.replaceChildren(...circles);
}

years.addEventListener('input', draw);
draw();
