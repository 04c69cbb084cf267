/* Labels: their keys, which are point labels, new ones; and choosing one for a segment. */

const LABEL_KEYS = "123456789qwuhsz"; // for labels whose users chose none, in the order of the page's labels
let lastLabel = -1; // the one last given to a segment
let labelKeys = []; // label -> key, or undefined

const labelName = (label) => data.labels[label][0];

/** The keys that commands have left over. */
function bindLabels(take) {
  labelKeys = [];
  const give = (label, key) => {
    if (labelKeys[label] !== undefined || bindings.has(key)) return;
    take(key, { label });
    labelKeys[label] = key;
  };
  for (const label of labelsThere()) {
    const key = settings.labels.get(exactLabels[label]);
    if (key !== undefined) give(label, key);
  }
  const free = [...LABEL_KEYS].filter((key) => !bindings.has(key));
  for (const label of labelsThere()) if (labelKeys[label] === undefined && free.length) give(label, free.shift());
}

const { instants } = Object(Object(data.rest.provenance).analysis);
const isInstant = (i) => segments.exact[i].start_s === segments.exact[i].end_s;
const cameAsPoints = new Set(exactLabels.filter((name, label) => {
  const { found } = lanes[label];
  return found.length ? found.every(isInstant) : Array.isArray(instants) && instants.includes(name);
}));

/** Of a point label one press is one moment. Until users say it, points are the labels that came as instants. */
const isPoint = (label) => settings.points.get(exactLabels[label]) ?? cameAsPoints.has(exactLabels[label]);

const nameWithKey = (label) => {
  const key = labelKeys[label];
  return [...signs(label), stranger(labelName(label)), ...(key === undefined ? [] : [make("kbd", {}, keyText(key))])];
};

/** A label keeps the key that it was first used with, also in pages of other films. */
function usedLabel(label) {
  lastLabel = label;
  const name = exactLabels[label], key = labelKeys[label];
  if (key === undefined || settings.labels.has(name)) return;
  settings.labels.set(name, key);
  keepSettings();
}

function showLabelKeys() {
  showCodes();
  if ($("labels-dialog").open) listLabels();
  if ($("chooser").open) listChoices();
}

// ---- choosing a label

let choosing = null; // what happens with the label that is chosen

/** Asks for a label: its key, or its button. */
function chooseLabel(title, then) {
  if (!labelsThere().length) return openLabels();
  choosing = then;
  $("chooser-title").textContent = title;
  $("chooser-search").value = "";
  listChoices();
  $("chooser").showModal();
  $("chooser-labels").firstChild.focus();
}

function listChoices() {
  const words = $("chooser-search").value.trim().toLowerCase();
  const fits = labelsThere().filter((label) => lowerLabels[label].includes(words));
  $("chooser-labels").replaceChildren(...fits.map((label) => {
    const button = make("button", { type: "button", class: "code" }, ...nameWithKey(label));
    button.addEventListener("click", () => choiceMade(label));
    return button;
  }));
}

function choiceMade(label) {
  closeDialog("chooser");
  usedLabel(label);
  choosing(label);
}

$("chooser").addEventListener("keydown", (event) => {
  const buttons = [...$("chooser-labels").children], at = buttons.indexOf(document.activeElement);
  const isTyped = event.target === $("chooser-search");
  const ways = isTyped ? { ArrowDown: 1 } : { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 };
  const label = settings.single && !event.repeat && !isTyped ? bindings.get(keyName(event))?.label : undefined;
  if (event.isComposing) return;
  if (event.key in ways && buttons.length) buttons[(at + ways[event.key] + buttons.length) % buttons.length].focus();
  else if (label !== undefined) choiceMade(label);
  else if (event.key === "/" && !isTyped) $("chooser-search").focus();
  else if (event.key === "Enter" && isTyped) buttons[0]?.click();
  else return;
  event.preventDefault();
});
$("chooser-search").addEventListener("input", listChoices);
$("chooser-new").addEventListener("click", openLabels);

// ---- the list of labels, and new ones

function openLabels() {
  tellKey("");
  listLabels();
  clearNew();
  $("labels-dialog").showModal();
  $("new-label").focus();
}

function clearNew() {
  $("new-label").value = $("new-key").value = "";
  $("new-point").checked = false;
}

function listLabels() {
  const focused = document.activeElement?.dataset?.label;
  $("labels-keys").replaceChildren(...labelsThere().map((label) => {
    const key = keyButton(labelKeys[label], labelName(label), (chosenKey) => {
      settings.labels.set(exactLabels[label], chosenKey);
      changed();
    });
    key.dataset.label = label;
    const point = make("input", { type: "checkbox", "aria-label": `${labelName(label)} is a point label` });
    point.checked = isPoint(label);
    point.addEventListener("change", () => { settings.points.set(exactLabels[label], point.checked); changed(); });
    const name = make("span", { class: "named" }, ...signs(label), stranger(labelName(label)));
    return make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, key), make("td", {}, point));
  }));
  if (focused) document.querySelector(`button[data-label="${focused}"]`)?.focus();
}

/** Why a text cannot be a new label; undefined if it can. */
function unfit(name) {
  if (!name) return "A label needs a name.";
  const isLine = !/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u.test(name) && [...name].length <= 200;
  if (!isLine) return "A label is one line of at most 200 characters.";
  const plain = (text) => text.normalize("NFC").toLowerCase();
  const same = labelsThere().find((label) => plain(exactLabels[label]) === plain(name));
  return same === undefined ? undefined : `There is a label ${labelName(same)} already.`;
}

$("label-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const name = $("new-label").value.trim().normalize("NFC"), wanted = $("new-key").value.trim().toLowerCase();
  const noName = unfit(name), noKey = wanted && refused(wanted);
  if (noName || noKey) { tellKey(noName ?? noKey); return $(noName ? "new-label" : "new-key").focus(); }
  if ($("new-point").checked) settings.points.set(name, true);
  if (wanted) settings.labels.set(name, wanted);
  lastLabel = addLabel(name);
  changed();
  listLabels();
  clearNew();
  $("new-label").focus();
  const key = labelKeys[lastLabel];
  tellKey(`New label: ${name}. ${key === undefined ? "It has no key yet." : `Its key is ${keyText(key)}.`}`);
});
