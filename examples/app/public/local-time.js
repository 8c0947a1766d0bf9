/** Converts the page's times from UTC to the browser's time zone. */

for (const element of document.querySelectorAll('time')) showTime(element, element.dateTime)

/**
 * @param {HTMLTimeElement} element
 * @param {string} iso
 */
export function showTime(element, iso) {
  element.dateTime = iso
  element.textContent = new Date(iso).toLocaleString([], {
    dateStyle: 'medium',
    timeStyle: 'short',
  })
}
