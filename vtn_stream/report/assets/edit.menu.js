/* The menu of what can be done with what is selected or with an empty place, and the list of labels that it leads to.

   It opens by the right button, by the key for menus or Shift+F10, and by a finger that rests. The focus goes into it and
   comes back to where it was. */

const menu = make("div", { id: "menu", class: "popup", role: "menu", tabindex: "-1", hidden: "" });
const labelList = make("ul", { id: "label-list", role: "listbox", "aria-label": "Labels" });
const labelSearch = make("input", {
  type: "text", role: "combobox", "aria-label": "Search labels", "aria-autocomplete": "list", "aria-expanded": "true",
  "aria-controls": "label-list", placeholder: "Search labels", autocomplete: "off", spellcheck: "false",
});
const labelBox = make("div", { id: "label-box", class: "popup", role: "dialog", hidden: "" }, labelSearch, labelList);
document.querySelector(".tracks").append(menu, labelBox);
let popup = null; // { element, from: what had the focus, place: where it was opened }

function openPopup(element, { left, top }, focused) {
  const from = popup?.from ?? document.activeElement;
  if (popup) popup.element.hidden = true;
  hideTip();
  popup = { element, from, place: { left, top } };
  element.hidden = false;
  element.style.left = `${Math.max(4, Math.min(left, innerWidth - element.offsetWidth - 4))}px`;
  element.style.top = `${Math.max(4, Math.min(top, innerHeight - element.offsetHeight - 4))}px`;
  focused.focus({ preventScroll: true });
}

function closePopup(back = true) {
  if (!popup) return;
  const { element, from } = popup, hadFocus = element.contains(document.activeElement);
  popup = null;
  element.hidden = true;
  if (back && hadFocus) (from?.isConnected && from !== document.body ? from : scroll).focus({ preventScroll: true });
}

document.addEventListener("pointerdown", ({ target }) => {
  if (popup && !popup.element.contains(target)) closePopup();
}, true);
for (const element of [menu, labelBox]) {
  element.addEventListener("focusout", ({ relatedTarget }) => {
    if (popup?.element === element && relatedTarget && !element.contains(relatedTarget)) closePopup(false);
  });
}
addEventListener("resize", () => closePopup());
// The table scrolls to what is selected, which is no reason to close.
addEventListener("scroll", ({ target }) => {
  if (target !== rowsBox && !popup?.element.contains(target)) closePopup();
}, { capture: true, passive: true });

// ---- what is in the menu

const keyOfCommand = (id) => keyText(keyOf(COMMANDS.find((each) => each.id === id)));

/** place: { ms, label: the lane's or -1, rejected: the one there }. Groups of [name, act or null where it makes no sense,
    id of the command whose key does it]. */
function menuOf(place) {
  const found = selection.filter((i) => !isTrue(i));
  const groups = found.length ? groupsOfSegments(found, place) : [];
  return [...groups, groupOfPlace(found, place)].filter((group) => group.length);
}

function groupsOfSegments(found, { ms }) {
  const main = segments.exact[found[0]], one = found.length === 1, at = rounded(ms / 1000), here = rounded(now / 1000);
  const from = found.reduce((least, i) => Math.min(least, segments.exact[i].start_s), Infinity);
  const to = found.reduce((most, i) => Math.max(most, segments.exact[i].end_s), -Infinity);
  const splits = one && at > main.start_s && at < main.end_s, next = one ? nextOfLabel(found[0]) : -1;
  const joined = one ? (next < 0 ? null : () => join([found[0], next])) : sameLabel(found) ? () => join(found) : null;
  const nothing = (labels) => () => nothingElse(from, to, labels);
  const labels = [...new Set(found.map((i) => segments.label[i]))];
  return [
    [
      ["Keep", () => keep(found), "keep"],
      ["Reject", () => reject(found), "reject"],
      ["Relabel to…", () => pickLabel((name) => relabelTo(found, name)), "relabel"],
      ["As the model said", found.some((i) => segments.exact[i].origin === "curated") ? () => takeBack(found) : null],
    ],
    [
      ["Start at the playhead", one && here <= main.end_s ? () => moveTo(found[0], here, main.end_s) : null, "start here"],
      ["End at the playhead", one && here >= main.start_s ? () => moveTo(found[0], main.start_s, here) : null, "end here"],
      [splits ? `Split at ${clock(ms)}` : "Split here", splits ? () => splitAt(found[0], at) : null, "split"],
      [one ? "Join with the next of its label" : "Join", joined, "join"],
      ["Play it", () => playAlone(found[0]), "play it"],
    ],
    [
      [`Nothing else here of ${calledAs(labels)}`, nothing(labels)],
      ["Nothing else here of all labels", nothing(null), "nothing else"],
    ],
  ];
}

function groupOfPlace(found, { ms, label, rejected: taken }) {
  const group = [], spans = label < 0 ? [] : reviewedAt(label, ms);
  const [low, high] = [view.low, view.high].map((each) => rounded(each / 1000));
  if (taken) group.push(["Bring the rejected one back", () => bringBack(taken)]);
  if (label >= 0 && !found.length) {
    group.push([isPoint(label) ? "Add an instant here" : "Add a segment here", () => addAt(label, ms)]);
    group.push([`Nothing else in sight of ${calledAs([label])}`, () => nothingElse(low, high, [label])]);
    group.push(["Nothing else in sight of all labels", () => nothingElse(low, high, null)]);
  }
  for (const { start_s, end_s, labels } of spans) {
    const numbers = labels && labels.map((name) => labelNumbers.get(name));
    const name = `Not reviewed: ${clock(start_s * 1000, 1)} – ${clock(end_s * 1000, 1)}`;
    group.push([name, () => openAgain(start_s, end_s, numbers)]);
  }
  return group;
}

const calledAs = (labels) => (labels.length === 1 ? data.labels[labels[0]][0] : plural(labels.length, "label"));
const sameLabel = (found) => new Set(found.map((i) => segments.label[i])).size === 1;

/** The next segment of the same label, or -1. */
function nextOfLabel(i) {
  const { found } = lanes[segments.label[i]];
  return found.slice(found.indexOf(i) + 1).find((each) => shown[each]) ?? -1;
}

// ---- the menu

function openMenu(place, at) {
  const groups = menuOf(place);
  if (!groups.length) return;
  const items = groups.map((group) => make("div", { role: "group" }, ...group.map(menuItem)));
  items.forEach((group, k) => group.setAttribute("aria-label", ["Segment", "Borders", "Reviewed"][k] ?? "Place"));
  const [first, ...others] = selection, name = first === undefined ? "This place" : nameOf(first);
  menu.setAttribute("aria-label", others.length ? plural(selection.length, "segment") : name);
  menu.replaceChildren(...items);
  openPopup(menu, at, menu.querySelector("[role=menuitem]"));
}

function menuItem([name, act, id]) {
  const item = make("div", { role: "menuitem", tabindex: "-1", "aria-disabled": act === null }, make("bdi", { class: "cut" }, name));
  if (id) item.append(make("kbd", { "aria-hidden": "true" }, keyOfCommand(id)));
  if (name.endsWith("…")) item.setAttribute("aria-haspopup", "dialog");
  item.addEventListener("click", () => {
    if (!act) return;
    if (name.endsWith("…")) return act();
    closePopup();
    const of = selection.length ? `: ${describeAll(selection)}` : "", before = history.done.length;
    act();
    if (history.done.length > before) sayDone(`${name}${of}`);
  });
  item.addEventListener("pointermove", () => item.focus({ preventScroll: true }));
  return item;
}

menu.addEventListener("keydown", (event) => {
  const { key } = event, items = [...menu.querySelectorAll("[role=menuitem]")], at = items.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at < 0 ? -1 : at - 1, Home: 0, End: -1 }[key];
  const letter = key.length === 1 && key !== " " ? key.toLowerCase() : "";
  if (to !== undefined) items.at(to % items.length).focus();
  else if (letter) {
    const next = [...items.slice(at + 1), ...items].find((item) => item.textContent.toLowerCase().startsWith(letter));
    next?.focus();
  }
  else if (key === "Enter" || key === " ") items[at]?.click();
  else if (key === "Escape" || key === "Tab") closePopup();
  else return;
  event.stopPropagation(); // no key of the page is meant
  if (key !== "Tab") event.preventDefault();
});

// ---- where it is opened

/** Of a place on the stage. What is there and not yet selected is selected first. */
function openMenuAt(px, y) {
  const under = trackAt(y), label = under?.kind === "lane" ? under.label : -1, i = segmentAt(px, y);
  const box = stage.getBoundingClientRect();
  if (i >= 0 && !isTrue(i) && !isSelected(i)) select([i]);
  if (i < 0) select([]);
  openMenu({ ms: timeAt(px), label, rejected: rejectedAt(px, y) }, { left: box.left + px, top: box.top + y });
}

/** Of what is selected, without a pointer: beside its row, or beside the playhead. */
function openMenuOfSelection() {
  const box = ($(`row${chosen}`) ?? $("playhead")).getBoundingClientRect();
  openMenu({ ms: now, label: -1 }, { left: Math.max(box.left + 12, 0), top: within(box.bottom, 40, innerHeight - 200) });
}

stage.addEventListener("contextmenu", (event) => {
  if (!editing()) return;
  event.preventDefault();
  if (event.pointerType !== "touch" && !drag?.hand) openMenuAt(...spot(event)); // a finger opens it when it is lifted
});
$("body").addEventListener("contextmenu", (event) => {
  const i = Number(event.target.closest("tr[data-segment]")?.dataset.segment ?? -1);
  if (!editing() || i < 0 || isTrue(i)) return;
  event.preventDefault();
  if (!isSelected(i)) select([i]);
  openMenu({ ms: now, label: -1 }, { left: event.clientX, top: event.clientY });
});
document.addEventListener("keydown", (event) => {
  const asked = event.key === "ContextMenu" || (event.key === "F10" && event.shiftKey);
  if (!asked || !editing() || popup || document.querySelector("dialog[open]")) return;
  if (!selection.length || ["search", "text", "number"].includes(event.target.type)) return;
  event.preventDefault();
  openMenuOfSelection();
});

// ---- the list of labels

let options = [], pointed = 0, whenPicked = null;

/** Asks for a label, old or new: then(name). */
function pickLabel(then) {
  whenPicked = then;
  labelBox.setAttribute("aria-label", "Relabel to");
  labelSearch.value = "";
  listOptions();
  openPopup(labelBox, popup.place, labelSearch);
}

function listOptions() {
  const words = labelSearch.value.trim().normalize("NFC"), low = words.toLowerCase();
  const fits = labelsThere().filter((label) => lowerLabels[label].includes(low));
  options = fits.map((label) => ({ name: exactLabels[label], shows: [...signs(label), stranger(data.labels[label][0])] }));
  if (words && unfit(words) === undefined) options.push({ name: words, shows: ["New label: ", stranger(words)] });
  labelList.replaceChildren(...options.map(({ name, shows }, k) => {
    const option = make("li", { role: "option", id: `option${k}`, class: "named" }, ...shows);
    option.addEventListener("click", () => pickOption(name));
    return option;
  }));
  pointAt(0);
}

function pointAt(k) {
  pointed = within(k, 0, Math.max(0, options.length - 1));
  [...labelList.children].forEach((option, at) => option.setAttribute("aria-selected", at === pointed));
  labelList.children[pointed]?.scrollIntoView({ block: "nearest" });
  if (options.length) labelSearch.setAttribute("aria-activedescendant", `option${pointed}`);
  else labelSearch.removeAttribute("aria-activedescendant");
}

function pickOption(name) {
  closePopup();
  const before = describeAll(selection);
  whenPicked(name);
  sayDone(`${before} is now ${labelName(labelNumbers.get(name))}`);
}

labelSearch.addEventListener("input", listOptions);
labelBox.addEventListener("keydown", (event) => {
  const ways = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 }, { key } = event;
  event.stopPropagation();
  if (event.isComposing) return;
  if (key in ways) pointAt(pointed + ways[key]);
  else if (key === "Enter" && options.length) pickOption(options[pointed].name);
  else if (key === "Escape") closePopup();
  else return;
  event.preventDefault();
});
