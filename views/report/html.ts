/** HTML in which every value is escaped unless it is markup already: labels, paths and reasons are other people's text. */

const isMarkup: unique symbol = Symbol('markup')

/** Text that is safe to stand in a page as it is; made by `html` and `trusted` only. */
export interface Markup {
  readonly [isMarkup]: true
  readonly text: string
}

export type Value = string | number | Markup | readonly Markup[]

/** Escapes every value between the literal parts. Attribute values must stand in double quotes. */
export function html(literals: TemplateStringsArray, ...values: readonly Value[]): Markup {
  const text = literals.reduce((sum, literal, index) => sum + asText(values[index - 1]!) + literal)
  return trusted(text)
}

/** For the report's own style sheet, script and data URIs; never for anything read from outside. */
export const trusted = (text: string): Markup => ({ [isMarkup]: true, text })

export const nothing: Markup = trusted('')

function asText(value: Value): string {
  if (typeof value === 'number') return String(value)
  if (typeof value === 'string') return escapeHtml(value)
  return 'text' in value ? value.text : value.map(({ text }) => text).join('')
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Control characters are no HTML; direction overrides would turn the text around them. */
export const escapeHtml = (text: string): string =>
  text
    .replaceAll(/[&<>"']/g, (sign) => entities[sign]!)
    .replaceAll(/[\p{Cc}\p{Cs}\u202A-\u202E\u2066-\u2069]/gu, '\uFFFD')
