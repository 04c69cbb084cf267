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
  context.fillStyle = ink(label, context);
  context.fillRect(0, 0, 24, 24);
  return canvas;
}
