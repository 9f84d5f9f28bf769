/** A moment of the server's, as the user's clock shows it. */

/** By hand: not every phone has what toLocaleString needs. */
export function localTime(moment: string): string {
  const at = new Date(moment)
  const two = (part: number) => `${part}`.padStart(2, '0')
  const day = [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join('-')
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}`
}
