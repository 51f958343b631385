// The slider beside the number of a limit. Without this module the number alone does the same.

function follow(form) {
  const slider = form.querySelector("input[type=range]");
  const number = form.elements.namedItem("limit_a");
  if (slider && number && slider.value !== number.value) slider.value = number.value;
}

document.addEventListener("input", (event) => {
  const form = event.target.closest("form[data-limit]");
  if (!form) return;
  if (event.target.type === "range") form.elements.namedItem("limit_a").value = event.target.value;
  else follow(form);
});

// A browser that goes back fills the number in again, and not the slider.
addEventListener("pageshow", () => document.querySelectorAll("form[data-limit]").forEach(follow));
