/* Buttons, themes, paper, what stands still; and the start. */

// ---- buttons

const clicks = {
  play: playOrPause, previous: () => go(-1), next: () => go(1), mute, full: fullScreen,
  in: () => zoom(1 / 1.6), out: () => zoom(1.6), fit: () => show(0, length),
  all: () => setAll(true), "no-labels": () => setAll(false),
  "help-open": openHelp, "help-close": () => $("help").close(), theme: turnTheme,
};
for (const [id, action] of Object.entries(clicks)) $(id).addEventListener("click", action);

function setAll(on) {
  state.off = new Set(on ? [] : data.labels.keys());
  for (const { box } of heads) box.checked = on;
  sift();
}

$("position").addEventListener("input", () => { seek($("position").valueAsNumber); reveal(now); });
$("speed").addEventListener("change", () => { video.playbackRate = Number($("speed").value); });
function search() {
  state.words = $("search").value.trim().toLowerCase();
  rowsBox.scrollTop = 0;
  sift();
}

$("search").addEventListener("input", search);
$("search").addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.isComposing) return;
  event.preventDefault(); // some browsers clear by themselves, some do not
  if (!$("search").value) return $("search").blur();
  $("search").value = "";
  search();
});
$("truth").addEventListener("change", () => { state.truth = $("truth").checked; sift(); });
$("threshold").addEventListener("input", () => {
  state.threshold = $("threshold").valueAsNumber;
  $("threshold-value").textContent = state.threshold.toFixed(2);
  sift(true);
});
$("more").addEventListener("click", () => { scroll.scrollTop += size.tracks - 2 * RULER; });
scroll.addEventListener("scroll", () => draw({ lanes: true }), { passive: true });

// ---- light, dark, paper

const dark = matchMedia("(prefers-color-scheme: dark)"), paper = matchMedia("print");

function themed() {
  const isDark = (document.documentElement.dataset.theme ?? (dark.matches ? "dark" : "light")) === "dark";
  $("theme").textContent = isDark ? "Light" : "Dark";
  $("theme").setAttribute("aria-label", isDark ? "Light colours" : "Dark colours");
  takeColours();
  draw({ lanes: true });
  return isDark;
}

function turnTheme() {
  document.documentElement.dataset.theme = themed() ? "light" : "dark";
  themed();
}

function print(on) {
  printing = on;
  takeColours();
  layOut();
  measure();
  paint(); // the paper does not wait for a frame
}

dark.addEventListener("change", themed);
paper.addEventListener("change", () => print(paper.matches));
addEventListener("beforeprint", () => print(true));
addEventListener("afterprint", () => print(false));
const watcher = new ResizeObserver(measure);
for (const element of [stage, scroll, rowsBox, $("overview")]) watcher.observe(element);

// ---- what stands still

function facts() {
  const put = (id, cells) => $(id).append(make("tr", {}, ...cells));
  const cell = (text, kind = "number") => make("td", { class: kind }, text);
  $("name").textContent = [data.film.name, data.film.regionName].filter(Boolean).join(", ");
  document.querySelector("h1").title = data.film.name;
  $("length").textContent = `/ ${clock(length)}`;
  $("incomplete").hidden = data.complete;
  if (data.final !== undefined) {
    $("incomplete").textContent = `film goes on, final until ${clock(data.final)}`;
    $("incomplete").title = "This was written while the film was recorded. What ends before this time will not change. Load the page again to see more.";
  }
  $("part").hidden = !partial;
  $("part").textContent = `analyzed: ${clock(data.span[0])} – ${clock(data.span[1])}`;
  $("position").max = length;
  $("truth-label").hidden = !data.truth;
  Object.assign($("threshold"), { min: lowest, max: highest, step: 0.01, value: lowest, disabled: !scores.length });
  $("threshold-value").textContent = lowest.toFixed(2);
  $("threshold-label").hidden = !scores.length;
  $("drawn").hidden = data.drawn === null || !scores.length;
  if (data.drawn !== null) $("drawn").textContent = `analysis used ${data.drawn.toFixed(2)}`;

  const said = (tag, text) => make(tag, {}, make("bdi", {}, text));
  for (const [low, high, reason] of data.gaps) {
    put("gaps-body", [cell(clock(low)), cell(clock(high)), said("td", reason)]);
  }
  for (const { name, start, duration } of isRecording ? reel : []) {
    put("files-body", [said("td", name), cell(clock(start)), cell(clock(duration))]);
  }
  $("files-part").hidden = !isRecording;
  $("gaps-part").hidden = !data.gaps.length;
  for (const [label, score] of data.clips) put("clips-body", [said("td", label), cell(score.toFixed(3))]);
  $("clips-part").hidden = !data.clips.length;
  for (const [label, score] of data.clips.slice(0, 2)) {
    $("clips-first").append(make("li", { class: "badge named" }, stranger(label), score.toFixed(2)));
  }
  for (const list of ["made", "facts"]) {
    data[list].forEach(([name, value], i) => { // one name for several lines
      $(list).append(...(name === data[list][i - 1]?.[0] ? [] : [said("dt", name)]), said("dd", value));
    });
  }
}

/** The part that was analyzed, with a little around it. */
function showSpan() {
  const [low, high] = data.span, around = (high - low) / 10;
  if (high > low) show(low - around, high + around);
}

function linked() {
  const [, seconds] = /^#t=(\d{1,9}(?:\.\d{1,9})?)$/.exec(location.hash) ?? [];
  if (seconds !== undefined) { seek(Number(seconds) * 1000); reveal(now); }
}

facts();
tellFilm();
for (const label of data.labels.keys()) addRowOf(label);
layOut();
measure();
themed();
sort();
if (partial) showSpan();
sift();
moved();
addEventListener("hashchange", linked);
linked();
if (asksForMoments()) beginMoments();
loadFile(source, now);
