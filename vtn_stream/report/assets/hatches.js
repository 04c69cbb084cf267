/* Tiles of the hatches that the looks of labels have (colours.py): none, / \\ | - x + and dots. */

const STROKE = "rgb(0 0 0 / 50%)"; // over a label's colour

/** fill: the ground's colour, or null for none. */
function hatchTile(hatch, fill, stroke = STROKE, wide = 1.5) {
  const tile = document.createElement("canvas");
  tile.width = tile.height = 8;
  const brush = tile.getContext("2d");
  if (fill) { brush.fillStyle = fill; brush.fillRect(0, 0, 8, 8); }
  brush.fillStyle = brush.strokeStyle = stroke;
  brush.lineWidth = wide;
  brush.beginPath();
  for (const by of [-8, 0, 8]) {
    if (hatch === 1 || hatch === 5) { brush.moveTo(by - 1, 9); brush.lineTo(by + 9, -1); }
    if (hatch === 2 || hatch === 5) { brush.moveTo(by - 1, -1); brush.lineTo(by + 9, 9); }
  }
  if (hatch === 3 || hatch === 6) { brush.moveTo(4, 0); brush.lineTo(4, 8); }
  if (hatch === 4 || hatch === 6) { brush.moveTo(0, 4); brush.lineTo(8, 4); }
  brush.stroke();
  if (hatch === 7) for (const [x, y] of [[1, 1], [5, 5]]) brush.fillRect(x, y, 2, 2);
  return tile;
}
