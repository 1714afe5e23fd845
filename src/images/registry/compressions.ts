/** How layers may be packed for registries, in the words of `docker buildx build`. */
export const compressions = ['gzip', 'zstd', 'uncompressed'] as const;
export type Compression = (typeof compressions)[number];
