// The temporary files of the phone, by their paths, which an <img> can show.

const files = new Map<string, Blob>();

export function temporaryFile(content: Blob): string {
  const path = URL.createObjectURL(content);
  files.set(path, content);
  return path;
}

export const fileAt = (path: string): Blob | undefined => files.get(path);
