/** Reads a page of the package as a person sees it. */

export interface SeenPage {
  readonly lang: string | undefined
  readonly title: string | undefined
  readonly heading: string | undefined
  readonly paragraphs: readonly string[]
  /** The text of each link or button, and its address. */
  readonly links: readonly (readonly [text: string, href: string])[]
}

/** As a browser decodes it. */
export function seen({ text: html }: { readonly text: string }): SeenPage {
  const one = (pattern: RegExp) => decoded(pattern.exec(html)?.[1])
  const links = html.matchAll(/<a href="([^"]*)">([^<]*)<\/a>|<button>([^<]*)<\/button>/g)
  return {
    lang: one(/<html lang="([^"]*)">/),
    title: one(/<title>([^<]*)<\/title>/),
    heading: one(/<h1>([^<]*)<\/h1>/),
    paragraphs: [...html.matchAll(/<p>(.*?)<\/p>/g)].map(
      ([, text = '']) => decoded(text.replace(/<[^>]*>/g, '')) ?? '',
    ),
    links: [...links].map(([, href = '', text = '', button = '']) => [
      decoded(text || button) ?? '',
      decoded(href) ?? '',
    ]),
  }
}

function decoded(text: string | undefined): string | undefined {
  return text
    ?.replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&')
}
