/* Films that the reader chooses, as the page does not find them, or shows the wrong one.

   The files of a recording are known by their names: as they are, or with another suffix, as copies have. */

const plainName = (name) => name.normalize("NFC").toLowerCase();
const bareName = (name) => plainName(name).replace(/(?<=.)\.[^.]*$/, "").replace(/\.h264$/, "");
const nameInReel = (place) => (data.film.parts ?? [data.film])[place].name;

let choiceTold = ""; // what to say of files that were chosen last
let justChosen = false; // and the player waits for one of them

/** file of the recording -> the chosen file that it is; and those of which that is not known. */
function placesOfChosen(files) {
  const places = new Map(), left = [...files];
  for (const known of [(name) => name, plainName, bareName]) {
    for (const file of [...left]) {
      const free = reel.map((_, place) => place).filter((place) => !places.has(place));
      const same = free.filter((place) => known(nameInReel(place)) === known(file.name));
      if (same.length !== 1) continue; // none, or a choice
      places.set(same[0], file);
      left.splice(left.indexOf(file), 1);
    }
  }
  return { places, left };
}

/** All in the order of their names, where as many were chosen as there are, and none is known by its name. */
const inOrder = (files) => [...files].sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));

function chooseFilms(files) {
  if (!files.length) return;
  let { places, left } = placesOfChosen(files);
  let told = "";
  if (files.length === 1 && left.length) [places, left] = [new Map([[reel.indexOf(source), files[0]]]), []];
  else if (left.length === reel.length) {
    places = new Map(inOrder(left).map((file, place) => [place, file]));
    left = [];
    told = "These files have other names than those of the recording: they were taken in the order of their names.";
  } else if (left.length) {
    const names = left.map(({ name }) => name).join(", ");
    told = `No single file of the recording is called ${names}: go into its time, and choose it alone.`;
  }
  const open = reel.indexOf(source);
  for (const [place, file] of places) {
    if (reel[place].chosen) URL.revokeObjectURL(reel[place].chosen);
    reel[place] = { ...reel[place], name: file.name, chosen: URL.createObjectURL(file) };
  }
  justChosen = places.has(open);
  if (justChosen) loadFile(reel[open], now);
  choiceTold = told;
  if (!justChosen) tellChoice();
}

/** Says whether the file may be the wrong one, and what was chosen in vain. */
function tellChoice() {
  const ms = video.duration * 1000, { duration: wanted } = source, told = [];
  if (loaded() && wanted > 0 && Math.abs(ms - wanted) > Math.max(1000, wanted / 1000)) {
    told.push(isRecording
      ? `This file lasts ${clock(ms)}, ${nameInReel(reel.indexOf(source))} of the recording ${clock(wanted)}: it may be another file.`
      : `This film lasts ${clock(ms)}, the film of the timeline ${clock(wanted)}: it may be another film.`);
  }
  if (choiceTold) told.push(choiceTold);
  $("mismatch").hidden = !told.length;
  $("mismatch-text").textContent = told.join(" ");
}

for (const picker of [$("picker"), $("picker-again")]) {
  picker.multiple = isRecording;
  picker.addEventListener("change", () => {
    chooseFilms([...picker.files]);
    picker.value = ""; // so that the same file, made anew, can be chosen again
  });
}
if (isRecording) $("picker").previousSibling.textContent = "Choose the files…";

const pictureBox = document.querySelector(".screen");
pictureBox.addEventListener("dragover", (event) => {
  if (event.dataTransfer.types.includes("Files")) event.preventDefault(); // else the browser leaves the page for it
});
pictureBox.addEventListener("drop", (event) => {
  if (!event.dataTransfer.files.length) return;
  event.preventDefault();
  chooseFilms([...event.dataTransfer.files].slice(0, isRecording ? undefined : 1));
});
