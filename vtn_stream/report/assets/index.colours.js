/* Colours: where there are more labels than colours, hatches tell the rounds apart, as in a film's own page. */

const inks = new Map();

function ink(label, context) {
  const key = label === null ? -1 : label.number;
  if (inks.has(key)) return inks.get(key);
  const hatch = label === null ? 1 : Math.floor(label.number / data.coloursPerRound) % 4; // none, / \ and |
  const tile = element("canvas", { width: 8, height: 8 });
  const brush = tile.getContext("2d");
  brush.fillStyle = label === null ? getComputedStyle($("tip")).backgroundColor : label.colour;
  brush.fillRect(0, 0, 8, 8);
  brush.strokeStyle = label === null ? getComputedStyle($("count")).color : "rgb(0 0 0 / 0.55)";
  brush.lineWidth = label === null ? 1 : 1.6;
  brush.beginPath();
  for (const x of [-8, 0, 8]) {
    if (hatch === 1) { brush.moveTo(x - 1, 9); brush.lineTo(x + 9, -1); }
    if (hatch === 2) { brush.moveTo(x - 1, -1); brush.lineTo(x + 9, 9); }
    if (hatch === 3) { brush.moveTo(x + 4, 0); brush.lineTo(x + 4, 8); }
  }
  brush.stroke();
  const made = hatch === 0 ? label.colour : context.createPattern(tile, "repeat");
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
