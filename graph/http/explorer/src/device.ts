// What the server calls this page among a user's devices: "Explorer", or "Explorer 2" while another tab is the first.

let label = "Explorer";

export const deviceLabel = () => label;

/** Takes the first number that no other tab holds; always 1 on plain HTTP from afar, where browsers have no locks. */
async function take(number: number) {
  await navigator.locks?.request(`wxgate explorer ${number}`, { ifAvailable: true }, (lock) => {
    if (!lock) return take(number + 1);
    if (number > 1) label = `Explorer ${number}`;
    // Held until the page is closed.
    return new Promise<void>(() => {});
  });
}

void take(1);
