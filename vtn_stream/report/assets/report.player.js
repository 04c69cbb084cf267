/* The film and the playhead. Without a film all works but playing. */

function seek(ms) {
  now = within(ms, 0, length);
  aloneUntil = null;
  toFilm(now);
  moved();
}

function moved() {
  $("time").textContent = clock(now);
  $("time").href = `#t=${(now / 1000).toFixed(3)}`;
  $("position").value = now;
  $("position").setAttribute("aria-valuetext", clock(now));
  highlight();
  tellValues();
  tellFile();
  growStates();
  draw({ head: true });
}

const INSTANT = 300; // ms for which one is marked

/** Marks what holds at the playhead. */
function highlight(always = false) {
  const at = Math.round(now), held = [];
  for (let i = 0; i < numRows(); i++) {
    const start = segments.start[i], end = Math.max(segments.end[i], start + (start === segments.end[i] ? INSTANT : 0));
    if (shown[i] && start <= at && at < end) held.push(i);
  }
  if (!always && held.length === current.size && held.every((i) => current.has(i))) return;
  current = new Set(held);
  const labels = new Set(held.map((i) => segments.label[i]));
  heads.forEach(({ li }, label) => li.classList.toggle("current", labels.has(label)));
  const chips = held.slice(0, 12).map((i) => {
    const score = make("span", { class: "faint" }, scoreOf(i, 2));
    return make("li", { class: "named" }, ...signs(segments.label[i]), stranger(nameOf(i)), score);
  });
  if (held.length > 12) chips.push(make("li", {}, `and ${held.length - 12} more`));
  if (!held.length) chips.push(make("li", { class: "faint" }, "no segment"));
  $("now").replaceChildren(...chips);
  draw({ lanes: true, table: !always });
}

function tick() {
  if (!video.seeking && !arriving) { // else it goes where the playhead is
    now = shownTime();
    if (!drag && now <= length) reveal(now);
    moved();
    stopAlone();
    if (!video.paused && now >= nextOf(source)?.start) playOn(); // a file may last longer than its picture
  }
  if (!video.paused && !video.ended) requestAnimationFrame(tick);
}

function playOrPause() {
  if (!loaded()) return tellWhy();
  playsNext = false;
  aloneUntil = null;
  if (video.paused) play();
  else video.pause();
}

/** From the playhead; from a time that no file has, the next file; from the end, all again. */
function play() {
  if (isRecording && holeAt(now)) return playOn();
  if (isRecording && video.ended) seek(0);
  video.play().catch(() => {}); // a pause before it began
}

// ---- a film that does not play

/** Says why there is no picture, and what helps. The timeline works without one. */
async function tellWhy() {
  const { error } = video, asked = source;
  if (!loaded() && !error) return; // it is still being opened
  const name = stranger(asked.name), copy = "Choose a copy as MP4 with H.264:";
  if (loaded() && error) {
    return tell([name, ` does not play on from ${clock(now)}: the file may be damaged there. Choose another copy:`]);
  }
  if (loaded()) {
    return tell(["This browser plays only the sound of ", name, `: it does not know the format of the picture. ${copy}`], asked);
  }
  const why = asked.chosen ? "unknown format" : await whyNot(error);
  if (asked !== source || loaded()) return; // another film was chosen meanwhile
  if (why === "missing") {
    tell([name, ` is missing: it is not ${where()}, or you may not read it. Put it there and reload this page, or choose it:`]);
  } else if (why === "unknown format") {
    tell([name, ` is there, but this browser cannot play it: it does not know the format, or the file is damaged. ${copy}`], asked);
  } else {
    tell([name, ` does not play: it is not ${where()}, or this browser does not know its format. Choose it to find out:`]);
  }
}

/** asked: the film that a copy is wanted of. */
function tell(words, asked) {
  const command = asked && commandFor(asked);
  $("missing-text").replaceChildren(...words);
  $("cure").hidden = !command;
  $("command").textContent = command ?? "";
  $("missing").hidden = false;
}

const where = () => (/^\.\/[^/]*$/.test(source.url) ? "beside this page" : "where this page looks for it");

/** "missing", "unknown format", or undefined where this browser does not tell them apart. Both are MediaError 4, but
    may be worded in two ways. So the wording is compared with those for a file that is surely there and not a film,
    which is this page, and for one that is surely not there. */
async function whyNot({ message }) {
  const here = location.pathname.split("/").pop();
  const [noFilm, nothing] = await Promise.all([`./${here}`, `${source.url}.not-there`].map(errorOf));
  if (noFilm === nothing) return undefined;
  return message === nothing ? "missing" : "unknown format";
}

/** How this browser words that it cannot play a file. */
function errorOf(url) {
  const probe = make("video", { preload: "metadata" });
  return new Promise((done) => {
    probe.addEventListener("error", () => done(probe.error.message));
    probe.addEventListener("loadedmetadata", () => done(undefined));
    probe.src = url;
  });
}

/** The command for a copy that browsers play; none where a shell might read the name as more than a name. */
function commandFor({ name, url, chosen }) {
  const plain = chosen || decoded(url.split("/").pop()) === name;
  const windows = navigator.platform.startsWith("Win");
  if (!plain || /[\p{C}\p{Z}]/u.test(name.replaceAll(" ", "")) || (windows && /["“”„‟%$`!^]/.test(name))) return undefined;
  const safe = name.startsWith("-") ? `./${name}` : name;
  const quoted = (text) => (windows ? `"${text}"` : `'${text.replaceAll("'", "'\\''")}'`);
  const stem = safe.replace(/(?<=[^/])\.[^.]*$/, ""), copy = `${stem}${/\.mp4$/i.test(safe) ? ".h264" : ""}.mp4`;
  return `ffmpeg -i ${quoted(safe)} -c:v libx264 -pix_fmt yuv420p -c:a aac -sn ${quoted(copy)}`;
}

function decoded(text) {
  try { return decodeURIComponent(text); } catch { return undefined; }
}

video.addEventListener("play", () => { playing = true; });
video.addEventListener("pause", () => { playing &&= video.ended; });
video.addEventListener("ended", () => { if (playing) playOn(); });
for (const kind of ["play", "pause", "ended"]) {
  video.addEventListener(kind, () => {
    const playing = !video.paused && !video.ended;
    $("play").setAttribute("aria-label", playing ? "Pause" : "Play");
    $("play-icon").setAttribute("d", playing ? "M3.5 2.5h3v11h-3zM9.5 2.5h3v11h-3z" : "M4 2.5v11l9-5.5z");
    if (kind === "play") requestAnimationFrame(tick);
  });
}
video.addEventListener("loadedmetadata", () => {
  arriving = false;
  $("missing").hidden = true;
  if (!video.videoWidth) tellWhy();
  tellChoice();
  video.playbackRate = Number($("speed").value);
  if (aim > source.start) toFilm(aim);
  if (justChosen) $("play").focus(); // the button that chose it may be gone
  justChosen = false;
});
video.addEventListener("seeked", () => {
  if (!video.controls) return;
  now = shownTime(); // by the browser's own controls, in full screen
  moved();
});
video.addEventListener("error", () => {
  video.pause();
  tellWhy();
});
video.addEventListener("click", playOrPause);
/** To the next (1) or previous (-1) of the segments shown, by their starts. */
function step(way) {
  const at = Math.round(now) - (way < 0 && !video.paused ? 700 : 0);
  let best = -1;
  for (let i = 0; i < numRows(); i++) {
    if (!shown[i] || isTrue(i) || (segments.start[i] - at) * way <= 0) continue;
    if (best < 0 || (segments.start[best] - segments.start[i]) * way > 0) best = i;
  }
  if (best >= 0) goTo(best);
}

function fullScreen() {
  if (document.fullscreenElement) document.exitFullscreen();
  else video.requestFullscreen?.().catch(() => {});
}
document.addEventListener("fullscreenchange", () => { video.controls = document.fullscreenElement === video; });

const mute = () => { video.muted = !video.muted; };
video.addEventListener("volumechange", () => {
  const heard = "M11 5.5v5l3-2.5z", silent = "M10.5 6.5l1-1 4 4-1 1zM14.5 5.5l1 1-4 4-1-1z";
  $("mute").setAttribute("aria-pressed", video.muted);
  $("mute-icon").setAttribute("d", `M2 6v4h3l4 3.5v-11L5 6z${video.muted ? silent : heard}`);
});
