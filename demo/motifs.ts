/** The pictures on the sample packages, drawn in a circle of radius 50 around 0,0. */

export interface MotifColours {
  /** The colour of what is shown. */
  readonly main: string
  readonly dark: string
  readonly light: string
}

export type Motif = keyof typeof motifs

export const motifs = {
  bowl: ({ main, dark, light }: MotifColours): string =>
    `<ellipse cx="0" cy="8" rx="49" ry="16" fill="${light}"/>` +
    scatter(26, 3, (x, y, turn) => {
      const flake = `<ellipse rx="8" ry="5" fill="${main}" stroke="${dark}" stroke-width="1.5"/>`
      return `<g transform="translate(${x * 0.8} ${y * 0.28 - 2}) rotate(${turn})">${flake}</g>`
    }) +
    `<path d="M-50 8C-48 38 -26 50 0 50S48 38 50 8C40 20 20 24 0 24S-40 20 -50 8Z" fill="${dark}"/>` +
    '<path d="M-40 22C-34 40 -20 45 -6 46" fill="none" stroke="#fff" stroke-opacity=".5" stroke-width="4" stroke-linecap="round"/>',

  cocoa: ({ main, dark, light }: MotifColours): string =>
    [0, 60, 120, 180, 240, 300]
      .map(
        (turn) =>
          `<path transform="rotate(${turn})" d="M0 -6C16 -16 16 -40 0 -50C-16 -40 -16 -16 0 -6Z" fill="${turn % 120 === 0 ? dark : main}" stroke="${light}" stroke-width="2"/>`,
      )
      .join('') +
    `<g transform="rotate(20)"><rect x="-17" y="-17" width="34" height="34" rx="4" fill="${dark}" stroke="${light}" stroke-width="3"/><path d="M0 -17V17M-17 0H17" stroke="${light}" stroke-width="2"/></g>`,

  leaf: ({ main, dark, light }: MotifColours): string =>
    [-48, 0, 48]
      .map(
        (turn) =>
          `<g transform="rotate(${turn} 0 44)"><path d="M0 46C-30 20 -24 -26 0 -50C24 -26 30 20 0 46Z" fill="${turn === 0 ? main : dark}"/><path d="M0 46V-40M0 26L-14 8M0 26L14 8M0 4L-13 -12M0 4L13 -12" stroke="${light}" stroke-width="2.4" fill="none"/></g>`,
      )
      .join(''),

  hibiscus: ({ main, dark, light }: MotifColours): string =>
    [0, 72, 144, 216, 288]
      .map(
        (turn) =>
          `<g transform="rotate(${turn})"><path d="M0 0C-30 -12 -32 -46 -4 -50C6 -52 32 -40 20 -14Z" fill="${main}"/><path d="M0 0C-10 -14 -10 -30 -2 -42" stroke="${dark}" stroke-width="3" fill="none"/></g>`,
      )
      .join('') +
    `<circle r="9" fill="${dark}"/><path d="M0 0L22 -26" stroke="${light}" stroke-width="5" stroke-linecap="round"/><circle cx="24" cy="-28" r="5" fill="${light}"/>`,

  citrus: ({ main, dark, light }: MotifColours): string =>
    `<circle r="50" fill="${dark}"/><circle r="45" fill="${light}"/>` +
    [0, 45, 90, 135, 180, 225, 270, 315]
      .map(
        (turn) =>
          `<path transform="rotate(${turn + 10})" d="M0 -5C10 -14 17 -28 14 -37C6 -43 -6 -43 -14 -37C-17 -28 -10 -14 0 -5Z" fill="${main}"/>`,
      )
      .join('') +
    '<path d="M-34 -26C-24 -38 -12 -43 2 -44" fill="none" stroke="#fff" stroke-opacity=".7" stroke-width="3"/>',

  bean: ({ main, dark, light }: MotifColours): string =>
    [
      [-16, 12, -30],
      [18, 16, 35],
      [2, -20, 80],
    ]
      .map(
        ([x, y, turn]) =>
          `<g transform="translate(${x} ${y}) rotate(${turn})"><ellipse rx="19" ry="28" fill="${main}" stroke="${light}" stroke-width="2"/><path d="M-2 -26C12 -10 -12 8 4 26" stroke="${dark}" stroke-width="5" fill="none"/></g>`,
      )
      .join(''),

  mountain: ({ main, dark, light }: MotifColours): string =>
    `<circle r="50" fill="${light}"/><path d="M-47 18L-14 -34L6 0L18 -16L47 18C40 38 20 50 0 50S-40 38 -47 18Z" fill="${main}"/>` +
    `<path d="M-14 -34L-28 -12L-16 -16L-8 -6L-2 -14Z" fill="#fff"/><path d="M-50 22C-30 12 -18 30 0 22S30 12 49 20C42 40 22 50 0 50S-42 40 -50 22Z" fill="${dark}"/>` +
    `<path d="M-36 34C-24 28 -14 38 0 33S24 28 36 34" stroke="${light}" stroke-width="3" fill="none"/>`,

  orange: ({ main, dark, light }: MotifColours): string =>
    `<circle cx="-14" cy="10" r="34" fill="${main}"/><circle cx="-26" cy="-2" r="8" fill="#fff" fill-opacity=".5"/>` +
    `<g transform="translate(20 16) scale(.6)">${citrusFace(main, light, dark)}</g>` +
    `<path d="M-12 -22C-2 -48 26 -50 40 -40C30 -22 6 -16 -12 -22Z" fill="${dark}"/><path d="M-12 -22C4 -34 20 -38 38 -40" stroke="${light}" stroke-width="2" fill="none"/>`,

  tomato: ({ main, dark, light }: MotifColours): string =>
    `<path d="M0 -26C34 -42 54 -14 46 16C40 40 18 48 0 48S-40 40 -46 16C-54 -14 -34 -42 0 -26Z" fill="${main}"/>` +
    `<path d="M0 -24L-26 -34L-10 -22L-20 -6L0 -18L20 -6L10 -22L26 -34Z" fill="${dark}"/><path d="M0 -24C0 -38 4 -44 12 -48" stroke="${dark}" stroke-width="5" fill="none"/>` +
    `<path d="M-34 0C-34 -12 -28 -18 -20 -20" stroke="${light}" stroke-width="5" fill="none" stroke-linecap="round"/>`,

  chips: ({ main, dark, light }: MotifColours): string =>
    scatter(9, 11, (x, y, turn) => {
      const chip = `<path d="M-22 4C-20 -16 18 -20 23 -2C20 14 -14 20 -22 4Z" fill="${main}" stroke="${dark}" stroke-width="2"/><path d="M-14 0C-6 -8 8 -10 15 -5" stroke="${light}" stroke-width="3" fill="none"/>`
      return `<g transform="translate(${x * 0.62} ${y * 0.62}) rotate(${turn})">${chip}</g>`
    }),

  pepper: ({ main, dark, light }: MotifColours): string =>
    `<path d="M-8 -26C26 -38 44 -8 32 16C24 34 6 46 -6 50C-14 34 -40 22 -38 -8C-36 -24 -22 -30 -8 -26Z" fill="${main}"/>` +
    `<path d="M-6 -26C-8 -4 -2 24 -4 46" stroke="${dark}" stroke-width="3" fill="none"/><path d="M-20 -26C-10 -36 6 -36 14 -26C4 -20 -10 -20 -20 -26Z" fill="${light}"/>` +
    `<path d="M-4 -30C-4 -42 4 -48 12 -50" stroke="${light}" stroke-width="7" fill="none" stroke-linecap="round"/>`,

  grain: ({ main, dark, light }: MotifColours): string =>
    [-24, 0, 24]
      .map((turn) => {
        const seeds = [-44, -30, -16, -2]
          .map(
            (y) =>
              `<ellipse cx="-7" cy="${y + 6}" rx="5" ry="9" transform="rotate(-28 -7 ${y + 6})" fill="${main}"/><ellipse cx="7" cy="${y + 6}" rx="5" ry="9" transform="rotate(28 7 ${y + 6})" fill="${light}"/>`,
          )
          .join('')
        return `<g transform="rotate(${turn} 0 50)"><path d="M0 50V-46" stroke="${dark}" stroke-width="3"/>${seeds}</g>`
      })
      .join(''),

  bolt: ({ main, dark, light }: MotifColours): string =>
    `<path d="M0 -50L43 -25V25L0 50L-43 25V-25Z" fill="${dark}"/><path d="M0 -44L38 -22V22L0 44L-38 22V-22Z" fill="none" stroke="${main}" stroke-width="3"/><path d="M10 -40L-24 6H-4L-12 40L24 -8H4Z" fill="${main}" stroke="${light}" stroke-width="2"/>`,

  blossom: ({ main, dark, light }: MotifColours): string =>
    `<path d="M-46 40C-20 30 20 52 46 36" stroke="${dark}" stroke-width="4" fill="none"/>` +
    scatter(7, 5, (x, y) => {
      const petals = [0, 60, 120, 180, 240, 300]
        .map((turn) => `<ellipse cy="-9" rx="5" ry="9" transform="rotate(${turn})" fill="${main}"/>`)
        .join('')
      return `<g transform="translate(${x * 0.75} ${y * 0.75})">${petals}<circle r="5" fill="${light}"/></g>`
    }),
} as const

const citrusFace = (main: string, light: string, dark: string): string => motifs.citrus({ main, light, dark })

/** Places spread evenly over the circle by the golden angle, each with a turn of its own. */
function scatter(count: number, offset: number, draw: (x: number, y: number, turn: number) => string): string {
  const parts: string[] = []
  for (let index = 0; index < count; index += 1) {
    const radius = 50 * Math.sqrt((index + 0.5) / count)
    const angle = (index + offset) * 2.399963
    parts.push(draw(round(radius * Math.cos(angle)), round(radius * Math.sin(angle)), round((index * 67) % 360)))
  }
  return parts.join('')
}

const round = (value: number): number => Math.round(value * 100) / 100
