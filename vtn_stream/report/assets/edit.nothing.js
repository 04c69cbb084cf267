/* "Nothing else here": spans in which somebody looked for everything. What stands in them is all there is. */

let beginsAt = null; // where "nothing else" begins, ms, until it is said where it ends

/** The labels of which it is said, or null for all. */
const nothingOf = () => ($("nothing-label").value === "" ? null : [Number($("nothing-label").value)]);

const ofAsked = () => ofLabels(nothingOf()?.map((label) => exactLabels[label]) ?? null);
const ofLabels = (names) => (names === null ? "" : ` of ${names.map(shownText).join(", ")}`);
const namedSpan = (span) => `${spanOf(span)}${span.labels === null ? ", all labels" : ofLabels(span.labels)}`;

function declare(start, end) {
  const labels = nothingOf(), before = progress().reviewed;
  const inFilm = (ms) => (ms < length ? Math.max(0, ms) / 1000 : filmEnd);
  const start_s = inFilm(Math.min(start, end)), end_s = inFilm(Math.max(start, end));
  if (start_s === end_s) return say("This span has no length: go on in the film first.");
  setMark(null);
  if (!nothingElse(start_s, end_s, labels)) return say("That was said already.");
  const more = progress().reviewed - before;
  const kept = more > 0 ? `; ${plural(more, "segment")} inside kept by this` : "";
  sayDone(`nothing else${ofAsked()} from ${spanOf({ start_s, end_s })}${kept}`);
}

function setMark(ms) {
  beginsAt = ms;
  $("nothing-mark").textContent = ms === null ? "From here" : "To here";
  $("nothing-mark").setAttribute("aria-pressed", ms !== null);
  draw({ lanes: true });
}

function markNothingElse() {
  if (beginsAt !== null) return declare(beginsAt, now);
  setMark(now);
  const key = keyText(keyOf(commandOf("nothing else")));
  say(`nothing else${ofAsked()} from ${brief(now)} on: ${key} again where it ends, Esc gives it up`);
}

/** Around the selected segment: from where the one before it ends to where the one after it starts, of these labels. */
function aroundSelected() {
  const [i] = selected(), labels = nothingOf();
  if (i === undefined) return;
  let low = 0, high = length;
  for (let k = 0; k < numRows(); k++) {
    if (!stands(k) || isTrue(k) || k === i || (labels && !labels.includes(segments.label[k]))) continue;
    if (segments.start[k] < segments.start[i]) low = Math.max(low, Math.min(segments.end[k], segments.start[i]));
    else high = Math.min(high, Math.max(segments.start[k], segments.end[i]));
  }
  declare(low, high);
}

function declareAndClose(act) {
  closeDialog("nothing");
  act();
}

function openNothing() {
  listReviewed();
  $("nothing").showModal();
}

function labelsOfNothing() {
  const before = $("nothing-label").value;
  $("nothing-label").replaceChildren(make("option", { value: "" }, "all labels"),
    ...labelsThere().map((label) => make("option", { value: label }, `only ${labelName(label)}`)));
  $("nothing-label").value = before; // none is chosen if its label is gone
  if ($("nothing-label").value !== before) $("nothing-label").value = "";
  nothingOfIs();
}

/** The tools say of what it would be said. */
function nothingOfIs() {
  $("nothing-is").replaceChildren("Nothing else", make("bdi", { class: "cut" }, ofAsked()));
}
$("nothing-label").addEventListener("change", nothingOfIs);

function listReviewed() {
  $("nothing-list").replaceChildren(...reviewed.map((span) => {
    const button = make("button", { type: "button" }, "Take back");
    button.setAttribute("aria-label", `Take back ${namedSpan(span)}`);
    button.addEventListener("click", () => {
      commit({ name: "open again", reviewed: reviewed.filter((each) => each !== span) });
      say(`taken back: nothing else, ${namedSpan(span)}`);
      listReviewed();
      ($("nothing-list").querySelector("button") ?? $("nothing-close")).focus();
    });
    return make("li", {}, make("bdi", {}, namedSpan(span)), button);
  }));
  $("nothing-none").hidden = reviewed.length > 0;
}
