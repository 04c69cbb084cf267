/* The looks of labels, as Python gives them with the data: on a strip, and as a swatch. */

const inks = new Map();

/** label: null where nothing is known. */
function ink(label, context) {
  const key = label === null ? -1 : label.number;
  if (inks.has(key)) return inks.get(key);
  const tile = label === null
    ? hatchTile(1, getComputedStyle($("tip")).backgroundColor, getComputedStyle($("count")).color, 1)
    : hatchTile(label.hatch, label.colour);
  const made = label !== null && label.hatch === 0 ? label.colour : context.createPattern(tile, "repeat");
  inks.set(key, made);
  return made;
}

function swatch(label) {
  const canvas = element("canvas", { class: "swatch", width: 24, height: 24, "aria-hidden": "true" });
  const context = canvas.getContext("2d");
  const parts = label === allScenes ? scenes.slice(0, 4) : [label]; // side by side
  parts.forEach((part, i) => {
    context.fillStyle = ink(part, context);
    context.fillRect((24 / parts.length) * i, 0, 24 / parts.length, 24);
  });
  return canvas;
}
