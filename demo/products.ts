/** The sample products: invented brands, twelve that the demo enrols and four that it does not know. */
import type { Design } from './design.ts'
import type { Shape } from './package-shapes.ts'

export interface Product {
  /** The gallery item. */
  readonly item: string
  readonly label: string
  readonly isEnrolled: boolean
  readonly shape: Shape
  readonly design: Design
}

/**
 * From which similarity on these are recognized: strangers among them look far more alike than other shops' packages, for
 * which the embedder's own threshold was chosen. `npm start -- --threshold T` tells what any other gives.
 */
export const demoThreshold = 0.76

const cereal: Shape = { kind: 'box', width: 19, height: 28, depth: 6.5 }
const tea: Shape = { kind: 'box', width: 13.5, height: 15, depth: 8 }
const crackers: Shape = { kind: 'box', width: 22, height: 14, depth: 5.5 }
const can: Shape = { kind: 'can', radius: 3.6, height: 13.5 }
const tallCan: Shape = { kind: 'can', radius: 3.1, height: 17 }
const water: Shape = { kind: 'bottle', radius: 4.2, height: 26, liquid: '#bfe3ee', cap: '#1d6fb8' }
const juice: Shape = { kind: 'bottle', radius: 4.6, height: 23, liquid: '#f59a1c', cap: '#2e7d32' }
const softener: Shape = { kind: 'bottle', radius: 5.4, height: 25, liquid: '#b06be0', cap: '#ffd23f' }
const jar: Shape = { kind: 'jar', radius: 4.6, height: 13, liquid: '#b3201a', cap: '#d8b24a' }
const bag: Shape = { kind: 'pouch', width: 19, height: 26, depth: 7 }
const brick: Shape = { kind: 'pouch', width: 11, height: 20, depth: 7 }

export const products: readonly Product[] = [
  product('norrun-oat', 'Norrun Oat Crunch', cereal, {
    brand: 'NORRUN',
    name: 'Oat Crunch',
    flavour: 'Honey & oats',
    net: '500 g',
    layout: 'arch',
    motif: 'bowl',
    motifColours: { main: '#e9b04a', dark: '#9c5a1a', light: '#fff3da' },
    palette: { ground: '#f4a51c', deep: '#b4540a', accent: '#1f4f8f', ink: '#ffffff', paper: '#fff1cf' },
  }),
  product('norrun-cocoa', 'Norrun Oat Crunch Cocoa', cereal, {
    brand: 'NORRUN',
    name: 'Oat Crunch',
    flavour: 'Dark cocoa',
    net: '500 g',
    layout: 'arch',
    motif: 'cocoa',
    motifColours: { main: '#7a4526', dark: '#41210f', light: '#f0d9bd' },
    palette: { ground: '#5b2f1a', deep: '#2c140a', accent: '#e2571e', ink: '#ffe9cf', paper: '#f6dfc2' },
  }),
  product('lumbra-green', 'Lumbra Green Tea', tea, {
    brand: 'Lumbra',
    name: 'GREEN TEA',
    flavour: 'with young leaves',
    net: '20 bags',
    layout: 'medallion',
    motif: 'leaf',
    motifColours: { main: '#5fae3a', dark: '#2c6e2f', light: '#eaf7d6' },
    palette: { ground: '#dff0c8', deep: '#1f5d34', accent: '#8dc63f', ink: '#184a2a', paper: '#fbfff2' },
  }),
  product('lumbra-hibiscus', 'Lumbra Hibiscus Tea', tea, {
    brand: 'Lumbra',
    name: 'HIBISCUS',
    flavour: 'with rose hip',
    net: '20 bags',
    layout: 'medallion',
    motif: 'hibiscus',
    motifColours: { main: '#d81e6a', dark: '#7d0f43', light: '#ffd94f' },
    palette: { ground: '#f7c6da', deep: '#8a1450', accent: '#e84a8a', ink: '#6b0f3f', paper: '#fff4f8' },
  }),
  product('fizzu-lemon', 'Fizzu Lemon', can, {
    brand: 'fizzu',
    name: 'LEMON',
    flavour: 'sparkling',
    net: '330 ml',
    layout: 'diagonal',
    motif: 'citrus',
    motifColours: { main: '#f9e04b', dark: '#e0b400', light: '#fffbe0' },
    palette: { ground: '#ffe23b', deep: '#0c8a6a', accent: '#ffffff', ink: '#0b5a47', paper: '#fffde8' },
  }),
  product('fizzu-blood-orange', 'Fizzu Blood Orange', can, {
    brand: 'fizzu',
    name: 'BLOOD ORANGE',
    flavour: 'sparkling',
    net: '330 ml',
    layout: 'diagonal',
    motif: 'citrus',
    motifColours: { main: '#d8322a', dark: '#ef7b1a', light: '#ffe2cf' },
    palette: { ground: '#f2542d', deep: '#7a0f2b', accent: '#ffd0a8', ink: '#fff3ea', paper: '#fff0e6' },
  }),
  product('koldra-brew', 'Koldra Cold Brew', tallCan, {
    brand: 'KOLDRA',
    name: 'Cold Brew',
    flavour: 'black coffee',
    net: '250 ml',
    layout: 'stripes',
    motif: 'bean',
    motifColours: { main: '#b97f4e', dark: '#2a1609', light: '#f4dcba' },
    palette: { ground: '#12454f', deep: '#06191d', accent: '#35d0e6', ink: '#f7eedd', paper: '#f3e4cb' },
  }),
  product('alpira-water', 'Alpira Spring Water', water, {
    brand: 'Alpira',
    name: 'SPRING WATER',
    flavour: 'still',
    net: '0.75 l',
    layout: 'band',
    motif: 'mountain',
    motifColours: { main: '#3c78b4', dark: '#1b4f8a', light: '#d9effa' },
    palette: { ground: '#2b7fc4', deep: '#123f74', accent: '#e8f6ff', ink: '#ffffff', paper: '#eaf7ff' },
  }),
  product('solmar-orange', 'Solmar Orange Juice', juice, {
    brand: 'SOLMAR',
    name: 'Orange',
    flavour: 'pressed, with pulp',
    net: '1 l',
    layout: 'window',
    motif: 'orange',
    motifColours: { main: '#f58a1f', dark: '#2f8a3a', light: '#ffe3b5' },
    palette: { ground: '#fff4dd', deep: '#2f7d32', accent: '#f58a1f', ink: '#246428', paper: '#ffffff' },
  }),
  product('pompel-tomato', 'Pompel Tomato Sauce', jar, {
    brand: 'Pompel',
    name: 'SUGO',
    flavour: 'tomato & basil',
    net: '400 g',
    layout: 'window',
    motif: 'tomato',
    motifColours: { main: '#d9291c', dark: '#2f7a2d', light: '#ffc9b8' },
    palette: { ground: '#fdf3dc', deep: '#8f1712', accent: '#3f8a34', ink: '#8f1712', paper: '#fffaf0' },
  }),
  product('brindel-salt', 'Brindel Sea Salt Chips', bag, {
    brand: 'BRINDEL',
    name: 'Sea Salt',
    flavour: 'potato chips',
    net: '150 g',
    layout: 'stripes',
    motif: 'chips',
    motifColours: { main: '#f6cf5d', dark: '#c48a1e', light: '#fff2bf' },
    palette: { ground: '#2358b8', deep: '#102a66', accent: '#ffffff', ink: '#ffffff', paper: '#e9f1ff' },
  }),
  product('brindel-paprika', 'Brindel Paprika Chips', bag, {
    brand: 'BRINDEL',
    name: 'Paprika',
    flavour: 'potato chips',
    net: '150 g',
    layout: 'stripes',
    motif: 'pepper',
    motifColours: { main: '#ffb31a', dark: '#a33a00', light: '#4f9a35' },
    palette: { ground: '#c41f2d', deep: '#6a0a16', accent: '#ffcf3f', ink: '#fff4d8', paper: '#ffeccd' },
  }),
  unknownProduct('gransk-rye', 'Gransk Rye Crackers', crackers, {
    brand: 'GRANSK',
    name: 'Rye Crackers',
    flavour: 'wholegrain',
    net: '200 g',
    layout: 'band',
    motif: 'grain',
    motifColours: { main: '#e2b456', dark: '#7b5420', light: '#f6dfa6' },
    palette: { ground: '#264a35', deep: '#12281c', accent: '#d9b25b', ink: '#f5e7c1', paper: '#f2e6c6' },
  }),
  unknownProduct('zundra-energy', 'Zundra Energy', tallCan, {
    brand: 'ZUNDRA',
    name: 'ENERGY',
    flavour: 'lime rush',
    net: '250 ml',
    layout: 'quarters',
    motif: 'bolt',
    motifColours: { main: '#b7f22b', dark: '#1a1a24', light: '#f4ffd6' },
    palette: { ground: '#8a2be2', deep: '#1a1a24', accent: '#b7f22b', ink: '#f2ffe0', paper: '#b7f22b' },
  }),
  unknownProduct('velu-softener', 'Velu Softener', softener, {
    brand: 'velu',
    name: 'SOFT',
    flavour: 'lilac blossom',
    net: '0.9 l',
    layout: 'waves',
    motif: 'blossom',
    motifColours: { main: '#ffffff', dark: '#c94a86', light: '#ffe27a' },
    palette: { ground: '#6d3fb0', deep: '#2f1766', accent: '#ff8fb8', ink: '#ffe9f4', paper: '#ffd3e4' },
  }),
  unknownProduct('mokari-espresso', 'Mokari Espresso', brick, {
    brand: 'Mokari',
    name: 'ESPRESSO',
    flavour: 'whole beans',
    net: '250 g',
    layout: 'poster',
    motif: 'bean',
    motifColours: { main: '#6b3b1e', dark: '#2b1407', light: '#f0d4a8' },
    palette: { ground: '#1f6f6b', deep: '#0c3836', accent: '#f2b632', ink: '#fdf3dc', paper: '#e9dcc0' },
  }),
]

function product(item: string, label: string, shape: Shape, design: Design): Product {
  return { item, label, shape, design, isEnrolled: true }
}

function unknownProduct(item: string, label: string, shape: Shape, design: Design): Product {
  return { item, label, shape, design, isEnrolled: false }
}
