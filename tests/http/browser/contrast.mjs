// The contrast of Monaco's texts, which axe-core cannot measure: their lines lie over each other, and see through.

/** Each kind of text with less than 4.5 to 1, by what it stands on: `role: text, ratio`. */
export const faintTexts = (page) =>
  page.evaluate(async () => {
    // A change of colours is complete with the next frame.
    await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
    const channels = (color) => color.match(/[\d.]+/g).map(Number);
    const luminance = (color) => {
      const [red, green, blue] = channels(color).map((value) => value / 255);
      const linear = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
      return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
    };
    /** What lies behind, laid over each other from the first that is opaque. */
    const background = (element) => {
      const layers = [];
      for (let place = element; place && layers.at(-1)?.[3] !== 1; place = place.parentElement) {
        const [red, green, blue, alpha = 1] = channels(getComputedStyle(place).backgroundColor);
        layers.push([red, green, blue, alpha]);
      }
      const mix = (under, over) => under.map((value, index) => value + (over[index] - value) * over[3]);
      return `rgb(${layers.reduceRight(mix, [255, 255, 255])})`;
    };
    const texts = document.querySelectorAll(".monaco-editor :is(.view-line span span, .line-numbers)");
    const found = [...texts].filter(({ textContent }) => textContent.trim()).flatMap((element) => {
      const [one, other] = [getComputedStyle(element).color, background(element)].map(luminance);
      const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
      return ratio < 4.5 ? [`${element.className}: ${element.textContent.slice(0, 20)}, ${ratio.toFixed(2)}`] : [];
    });
    return [...new Set(found)];
  });
