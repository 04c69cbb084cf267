/* The part of the picture that was looked at, and a rectangle for another one, as the option that asks for it. */

const lookedAt = data.film.region; // left, top, width, height in percent of the picture; undefined: all of it
let drawnFrom = null; // where a rectangle was begun, in percent
let drawnRegion = null;

/** Where the picture is in the video's element, which is black beside it. */
function pictureAt() {
  const { clientWidth, clientHeight, videoWidth, videoHeight } = video;
  const scale = Math.min(clientWidth / videoWidth, clientHeight / videoHeight);
  const [width, height] = [videoWidth * scale, videoHeight * scale];
  return { left: (clientWidth - width) / 2, top: (clientHeight - height) / 2, width, height };
}

function frameOver(element, region) {
  element.hidden = !region || !video.videoWidth;
  if (element.hidden) return;
  const picture = pictureAt(), [left, top, width, height] = region;
  element.style.left = `${picture.left + left * picture.width / 100}px`;
  element.style.top = `${picture.top + top * picture.height / 100}px`;
  element.style.width = `${width * picture.width / 100}px`;
  element.style.height = `${height * picture.height / 100}px`;
}

function tellRegion() {
  const draws = !$("drawing").hidden;
  frameOver($("region"), draws ? null : lookedAt);
  frameOver($("drawn-region"), draws ? drawnRegion : null);
  $("draw-region").disabled = !video.videoWidth;
}

function drawRegions(on) {
  $("drawing").hidden = !on;
  $("draw-region").setAttribute("aria-pressed", on);
  drawnFrom = drawnRegion = null;
  $("region-told").hidden = true;
  tellRegion();
}

/** In percent of the picture, with two digits. */
function percentAt({ clientX, clientY }) {
  const box = video.getBoundingClientRect(), picture = pictureAt();
  const of = (value, size) => Math.round(10_000 * within(value / size, 0, 1)) / 100;
  return [of(clientX - box.left - picture.left, picture.width), of(clientY - box.top - picture.top, picture.height)];
}

function stretchRegion(event) {
  const [x, y] = percentAt(event), [fromX, fromY] = drawnFrom;
  const digits = (value) => Number(value.toFixed(2));
  drawnRegion = [Math.min(x, fromX), Math.min(y, fromY), digits(Math.abs(x - fromX)), digits(Math.abs(y - fromY))];
  tellRegion();
}

$("draw-region").addEventListener("click", () => drawRegions($("drawing").hidden));
$("drawing").addEventListener("pointerdown", (event) => {
  if ($("region-told").contains(event.target)) return;
  event.preventDefault();
  $("drawing").setPointerCapture(event.pointerId);
  drawnFrom = percentAt(event);
  $("region-told").hidden = true;
  stretchRegion(event);
});
$("drawing").addEventListener("pointermove", (event) => { if (drawnFrom) stretchRegion(event); });
$("drawing").addEventListener("pointerup", (event) => {
  if (!drawnFrom) return;
  stretchRegion(event);
  drawnFrom = null;
  const isLarge = drawnRegion[2] > 0.5 && drawnRegion[3] > 0.5;
  if (!isLarge) drawnRegion = null;
  $("region-told").hidden = !isLarge;
  if (isLarge) $("region-option").textContent = `--region ${drawnRegion.map((value) => `${value}%`).join(",")}`;
  tellRegion();
});
$("region-copy").addEventListener("click", () => {
  getSelection().selectAllChildren($("region-option"));
  document.execCommand("copy"); // what works in a page without a server
});
addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || $("drawing").hidden) return;
  event.stopPropagation();
  drawRegions(false);
}, true);
for (const event of ["loadedmetadata", "resize", "emptied"]) video.addEventListener(event, tellRegion);
new ResizeObserver(tellRegion).observe(video);
