/* The table of labels, and the buttons that sort a table. */

const MAX_LABELS = 200; // in the table at a time

function drawLabels() {
  const wanted = fold($("find-label").value);
  const { key } = order.labels;
  const found = sorted(listed.filter((label) => label.folded.includes(wanted)), order.labels, (label) => label[key]);
  const measure = key === "name" ? "total" : key;
  const most = Math.max(1, ...listed.map((label) => label[measure]));
  $("labels").replaceChildren(...found.slice(0, MAX_LABELS).map((label) => {
    const button = element("button", { class: "quiet label", "aria-pressed": chosen.has(label), title: label.name });
    const share = element("span", { class: "share" });
    share.style.width = `${(100 * label[measure]) / most}%`;
    share.style.background = label.colour ?? "var(--accent)";
    button.append(swatch(label), element("bdi", { class: "cut" }, label.name));
    button.addEventListener("click", () => {
      if (!chosen.delete(label)) chosen.add(label);
      button.setAttribute("aria-pressed", chosen.has(label));
      update();
    });
    return element(
      "tr", {}, element("td", {}, button, share), element("td", { class: "number" }, count(label.films)),
      element("td", { class: "number" }, count(label.segments)), element("td", { class: "number" }, label.total ? lasts(label.total) : "–"),
    );
  }));
  $("labels-note").hidden = found.length <= MAX_LABELS;
  $("labels-note").textContent = `${count(found.length - MAX_LABELS)} more: find them by name.`;
}

function sortable(root, which, draw) {
  const buttons = [...root.querySelectorAll("[data-sort]")];
  const mark = () => buttons.forEach((button) => {
    const { key, down } = order[which];
    const state = button.dataset.sort !== key ? "none" : down ? "descending" : "ascending";
    button.closest("th, [role=columnheader]").setAttribute("aria-sort", state);
  });
  buttons.forEach((button) => button.addEventListener("click", () => {
    const { key, down } = order[which];
    const same = key === button.dataset.sort;
    order[which] = { key: button.dataset.sort, down: same ? !down : button.dataset.sort !== "name" };
    mark();
    draw();
  }));
  mark();
}
