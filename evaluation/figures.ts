/** What an evaluation comes to, by name. */
export type Figures = Readonly<Record<string, number>>
