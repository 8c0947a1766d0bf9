/** Sends a form once, however often its button is clicked while the answer is on its way. */

/** @type {Set<HTMLFormElement>} */
const sent = new Set()

addEventListener('submit', (event) => {
  const form = event.target
  if (event.defaultPrevented || !(form instanceof HTMLFormElement)) return
  if (sent.has(form)) event.preventDefault()
  sent.add(form)
  // Later: a disabled button's value would not be sent.
  setTimeout(() => setDisabled(form, true))
})

// The back button may show the page as it was left.
addEventListener('pageshow', ({ persisted }) => {
  if (!persisted) return
  for (const form of sent) setDisabled(form, false)
  sent.clear()
})

/**
 * @param {HTMLFormElement} form
 * @param {boolean} isDisabled
 */
function setDisabled(form, isDisabled) {
  for (const button of form.querySelectorAll('button')) button.disabled = isDisabled
}
