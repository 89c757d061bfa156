/** A selection of entries as the condition of an SQL statement. */
import type { GallerySelection } from '../gallery.ts'
import type { SqlValue } from './open-database.ts'

/** What `metadata.sha256` is, as the index of it says. */
export const contentOf = "json_extract(metadata, '$.sha256')"

/** `after`: only ids that come later. */
export function condition(
  selection: GallerySelection,
  after: string | null = null,
): { readonly where: string; readonly values: readonly SqlValue[] } {
  const parts: string[] = []
  const values: SqlValue[] = []
  for (const [column, wanted] of [
    ['id', selection.ids],
    ['item', selection.items],
    ['label', selection.labels],
    [contentOf, selection.contents],
  ] as const) {
    if (wanted === undefined) continue
    // One value however many there are: SQLite bounds the number of parameters.
    parts.push(`${column} IN (SELECT value FROM json_each(?))`)
    values.push(JSON.stringify(wanted))
  }
  for (const [field, wanted] of Object.entries(selection.metadata ?? {})) {
    // A value that is no list is walked as one of itself. The type counts: SQLite takes true for 1.
    parts.push(`json_type(metadata, ?) <> 'object' AND EXISTS (
      SELECT 1 FROM json_each(metadata, ?) AS held, json_each(?) AS wanted WHERE held.value = wanted.value
        AND iif(held.type = 'real', 'integer', held.type) = iif(wanted.type = 'real', 'integer', wanted.type))`)
    const path = `$."${field}"`
    values.push(path, path, JSON.stringify(wanted))
  }
  if (after !== null) {
    parts.push('id > ?')
    values.push(after)
  }
  return { where: parts.length === 0 ? '' : `WHERE ${parts.join(' AND ')}`, values }
}
