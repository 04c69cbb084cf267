/* The list of clips by label, and the player. Texts of strangers enter as text nodes only. */

const data = JSON.parse(document.getElementById("data").textContent);
const NAMES = ["url", "path", "label", "film", "about", "start", "end", "early", "length", "score", "bytes", "notes"];
const clips = data.clips.map((values) => Object.fromEntries(values.map((value, i) => [NAMES[i], value])));
const $ = (id) => document.getElementById(id);
const video = $("clip");
const plural = (num, word) => `${num.toLocaleString("en")} ${word}${num === 1 ? "" : "s"}`;
const seconds = (ms, digits = 1) => `${(ms / 1000).toFixed(digits)} s`;

let shown = []; // the clips of the chosen label and film, in order
let chosen = null; // the clip in the player

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const stranger = (text) => make("bdi", {}, text);

function clock(ms) {
  const all = Math.round(Math.max(ms, 0)), s = Math.floor(all / 1000), pad = (value, num = 2) => String(value).padStart(num, "0");
  return `${Math.floor(s / 3600)}:${pad(Math.floor(s / 60) % 60)}:${pad(s % 60)}.${pad(all % 1000, 3)}`;
}

function size(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let i = 0, amount = bytes;
  while (amount >= 1000 && i < units.length - 1) { amount /= 1000; i++; }
  return `${amount.toFixed(i ? 1 : 0)} ${units[i]}`;
}

function sign(label) {
  const [, colour, hatch] = data.labels[label];
  const element = make("span", { class: "sign", "aria-hidden": "true" });
  element.style.background = hatch ? `url(${hatchTile(hatch, colour).toDataURL()})` : colour;
  return element;
}

function row(clip) {
  const name = clip.path.split("/").pop();
  const open = make("button", { type: "button", class: "quiet" }, stranger(name));
  open.addEventListener("click", () => choose(clip, true));
  const cells = [seconds(clip.length), clip.early ? seconds(clip.early, 2) : "–", clip.score === null ? "–" : clip.score.toFixed(2), size(clip.bytes)];
  const film = data.films.length > 1 ? [make("span", { class: "faint" }, stranger(data.films[clip.film]))] : [];
  clip.row = make("tr", {}, make("td", {}, open, ...film), make("td", {}, clock(clip.start)), ...cells.map((text) => make("td", { class: "number" }, text)));
  clip.button = open;
  return clip.row;
}

function fill() {
  const label = $("label").value, film = $("film").value;
  const groups = new Map();
  for (const clip of clips) {
    if ((label !== "" && clip.label !== Number(label)) || (film !== "" && clip.film !== Number(film))) continue;
    if (!groups.has(clip.label)) groups.set(clip.label, []);
    groups.get(clip.label).push(clip);
  }
  shown = [...groups.values()].flat();
  $("rows").replaceChildren(...[...groups].flatMap(([of, own]) => {
    const head = make("th", { scope: "rowgroup", colspan: 6 }, sign(of), stranger(data.labels[of][0]), make("span", { class: "faint" }, plural(own.length, "file")));
    return [make("tr", {}, head), ...own.map(row)];
  }));
  $("count").textContent = shown.length === clips.length ? "" : `${plural(shown.length, "file")} of ${clips.length.toLocaleString("en")}`;
  mark();
}

function mark() {
  for (const clip of clips) {
    const is = clip === chosen;
    clip.row?.classList.toggle("current", is);
    if (is) clip.button?.setAttribute("aria-current", "true");
    else clip.button?.removeAttribute("aria-current");
  }
  const at = shown.indexOf(chosen);
  $("previous").disabled = at <= 0;
  $("next").disabled = at === shown.length - 1;
}

function choose(clip, plays) {
  chosen = clip;
  $("missing").hidden = true;
  video.src = clip.url;
  $("player-title").replaceChildren(sign(clip.label), stranger(data.labels[clip.label][0]));
  const facts = [
    ["film", data.films[clip.film]],
    ["in the film", `${clock(clip.start)} to ${clock(clip.end)}`],
    ["begins early by", clip.early ? seconds(clip.early, 3) : "nothing: exact to the frame"],
    ["length", seconds(clip.length, 3)],
    ["file", clip.path],
  ];
  if (clip.about) facts.unshift(["", clip.about]);
  $("facts").replaceChildren(...facts.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, stranger(value))]));
  $("notes").replaceChildren(...clip.notes.map((note) => make("li", {}, stranger(note))));
  mark();
  if (plays) video.play().catch(() => {}); // a pause before it began, or a file that is gone
}

function step(by) {
  const clip = shown[shown.indexOf(chosen) + by];
  if (!clip) return;
  choose(clip, true);
  clip.row.scrollIntoView({ block: "nearest" });
}

function playOrPause() {
  if (video.paused) video.play().catch(() => {});
  else video.pause();
}

for (const kind of ["play", "pause", "ended"]) {
  video.addEventListener(kind, () => { $("play").textContent = video.paused || video.ended ? "Play" : "Pause"; });
}
video.addEventListener("loadedmetadata", () => {
  if ($("skips").checked && chosen.early) video.currentTime = (chosen.early + 1) / 1000; // a time leads into its frame
});
video.addEventListener("ended", () => { if ($("goes-on").checked) step(1); });
video.addEventListener("error", () => {
  if (!chosen) return;
  const link = make("a", { href: chosen.url }, stranger(chosen.path));
  $("missing").replaceChildren(link, " does not play: it is not below this page, or this browser does not know its format. Open it in a player.");
  $("missing").hidden = false;
});
$("previous").addEventListener("click", () => step(-1));
$("next").addEventListener("click", () => step(1));
$("play").addEventListener("click", playOrPause);
$("label").addEventListener("change", fill);
$("film").addEventListener("change", fill);

const KEYS = { n: () => step(1), p: () => step(-1), " ": playOrPause };
addEventListener("keydown", (event) => {
  const busy = event.target.closest?.("select, input, video") || (event.key === " " && event.target.closest?.("button, a"));
  if (busy || event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
  event.preventDefault();
  KEYS[event.key]();
});

const options = (all, names) => [make("option", { value: "" }, all), ...names.map((name, i) => make("option", { value: i }, name))];
$("label").append(...options("all labels", data.labels.map(([name]) => name)));
$("film").append(...options("all films", data.films));
$("film-label").hidden = data.films.length < 2;
const early = clips.map((clip) => clip.early).filter((ms) => ms > 0);
const words = [plural(clips.length, "file"), `${plural(data.films.length, "film")}`, size(clips.reduce((sum, clip) => sum + clip.bytes, 0))];
words.push(early.length ? `${plural(early.length, "file")} ${early.length === 1 ? "begins" : "begin"} early, by up to ${seconds(early.reduce((a, b) => Math.max(a, b)), 2)}: at a keyframe` : "exact to the frame");
$("summary").textContent = words.join(", ");
fill();
if (shown.length) choose(shown[0], false);
