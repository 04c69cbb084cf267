/* The list of keys, where they are changed. Conflicts are told, and nothing changes then. */

let changing = null; // the button that waits for a key

/** A key that can be changed: then(key) takes it and returns undefined, or says why not. */
function keyButton(key, of, then) {
  const text = key ? keyText(key) : "none", name = `${text}: change the key of: ${of}`;
  const button = make("button", { type: "button", class: "key", "aria-label": name }, make("kbd", {}, text));
  button.addEventListener("click", () => {
    stopChanging();
    changing = { button, then, before: button.firstChild };
    button.replaceChildren("press a key");
    tellKey(`Press the new key of: ${of}. Esc leaves it as it is.`);
  });
  return button;
}

function stopChanging() {
  changing?.button.replaceChildren(changing.before);
  changing = null;
}

const tellKey = (words) => { for (const place of document.querySelectorAll(".key-told")) place.textContent = words; };

/** Whether the key can have a new use; says why not. */
function refused(key) {
  if (!isKey(key)) return `${keyText(key)} cannot be chosen: take a letter, a digit or a sign.`;
  const use = useOf(key);
  return use && `${keyText(key)} is taken: ${use}. Press another key.`;
}

document.addEventListener("keydown", (event) => {
  if (!changing || ["Shift", "Control", "Alt", "AltGraph", "Meta"].includes(event.key)) return;
  if (event.key === "Tab") { tellKey(""); return stopChanging(); }
  event.preventDefault();
  event.stopPropagation();
  if (event.key === "Escape") { tellKey("The key stays as it was."); return stopChanging(); }
  const key = keyName(event) ?? "", why = refused(key), { then } = changing;
  if (why) return tellKey(why);
  stopChanging();
  then(key);
  tellKey(`${keyText(key)} is: ${useOf(key)}.`);
}, true);
document.addEventListener("pointerdown", stopChanging, true);

function changed() {
  keepSettings();
  bind();
  listKeys();
  showToolKeys();
  showLabelKeys();
}

function listKeys() {
  const focused = document.activeElement?.dataset?.command;
  $("key-groups").replaceChildren(...KEYS.map(([name, all]) => {
    const lines = all.flatMap(({ says, commands }) => {
      const keys = commands.map((each) => {
        if (each.fixed) return make("kbd", {}, keyText(each.key));
        const button = keyButton(keyOf(each), says, (key) => { settings.commands.set(each.id, key); changed(); });
        button.dataset.command = each.id;
        return button;
      });
      return [make("dt", {}, ...keys.flatMap((key) => [key, " "])), make("dd", {}, says)];
    });
    return make("section", {}, make("h3", {}, name), make("dl", { class: "keys" }, ...lines));
  }));
  if (focused) document.querySelector(`[data-command="${focused}"]`)?.focus();
  $("single-keys").checked = settings.single;
}

function openHelp() {
  hideTip();
  tellKey("");
  listKeys();
  $("help").showModal();
}

$("single-keys").addEventListener("change", () => { settings.single = $("single-keys").checked; keepSettings(); });
$("keys-reset").addEventListener("click", () => {
  settings.commands.clear();
  settings.labels.clear();
  changed();
  tellKey("All keys are as they were at first.");
});
