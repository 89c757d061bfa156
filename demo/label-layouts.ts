/** The fronts of packages: one way to lay out brand, name and motif for each layout. */
import { capHeight } from '@sightline/views/draw/lettering.ts'
import type { Layout } from './design.ts'
import { type Draw, motif, smallPrint, word } from './label-parts.ts'

export const layouts: Readonly<Record<Layout, Draw>> = {
  arch: (design, w, h) => {
    const { ground, deep, accent, ink, paper } = design.palette
    const m = Math.min(w, h)
    return (
      `<rect width="${w}" height="${h}" fill="${ground}"/>` +
      `<path d="M0 ${h}V${h * 0.52}C${w * 0.2} ${h * 0.38} ${w * 0.8} ${h * 0.38} ${w} ${h * 0.52}V${h}Z" fill="${paper}"/>` +
      `<path d="M0 ${h * 0.52}C${w * 0.2} ${h * 0.38} ${w * 0.8} ${h * 0.38} ${w} ${h * 0.52}V${h * 0.55}C${w * 0.8} ${h * 0.41} ${w * 0.2} ${h * 0.41} 0 ${h * 0.55}Z" fill="${deep}"/>` +
      `<rect width="${w}" height="${h * 0.07}" fill="${accent}"/>` +
      word(design.brand, {
        x: w / 2,
        y: h * 0.24,
        size: m * 0.27,
        maxWidth: w * 0.86,
        fill: ink,
        weight: 900,
        outline: deep,
      }) +
      word(design.name, { x: w / 2, y: h * 0.36, size: m * 0.16, maxWidth: w * 0.8, fill: ink, skew: 8 }) +
      motif(design, w / 2, h * 0.66, m * 0.31) +
      `<rect x="${w * 0.1}" y="${h * 0.85}" width="${w * 0.8}" height="${h * 0.085}" rx="${h * 0.02}" fill="${accent}"/>` +
      word(design.flavour, { x: w / 2, y: h * 0.909, size: h * 0.052, maxWidth: w * 0.7, fill: '#fff', weight: 600 }) +
      word(design.net, { x: w * 0.86, y: h * 0.975, size: h * 0.03, maxWidth: w * 0.3, fill: deep, weight: 600 }) +
      smallPrint(w * 0.05, h * 0.965, w * 0.3, 2, h * 0.012, deep)
    )
  },

  medallion: (design, w, h) => {
    const { ground, deep, accent, ink, paper } = design.palette
    const m = Math.min(w, h)
    const rays = Array.from(
      { length: 24 },
      (_, index) =>
        `<path transform="translate(${w / 2} ${h * 0.58}) rotate(${index * 15})" d="M0 0L${m} ${-m * 0.065}V${m * 0.065}Z" fill="${accent}" fill-opacity=".35"/>`,
    )
    return (
      `<rect width="${w}" height="${h}" fill="${ground}"/>${rays.join('')}` +
      `<rect width="${w}" height="${h * 0.3}" fill="${deep}"/><rect y="${h * 0.3}" width="${w}" height="${h * 0.025}" fill="${accent}"/>` +
      word(design.brand, { x: w / 2, y: h * 0.215, size: m * 0.26, maxWidth: w * 0.84, fill: paper, skew: 12 }) +
      `<circle cx="${w / 2}" cy="${h * 0.585}" r="${m * 0.255}" fill="${paper}" stroke="${deep}" stroke-width="${m * 0.018}"/>` +
      motif(design, w / 2, h * 0.585, m * 0.2) +
      word(design.name, {
        x: w / 2,
        y: h * 0.915,
        size: m * 0.12,
        maxWidth: w * 0.86,
        fill: ink,
        weight: 900,
        outline: paper,
        spacing: 0.04,
      }) +
      word(design.flavour, { x: w / 2, y: h * 0.97, size: m * 0.052, maxWidth: w * 0.7, fill: ink, weight: 500 }) +
      word(design.net, { x: w * 0.87, y: h * 0.4, size: m * 0.05, maxWidth: w * 0.22, fill: ink, weight: 600 })
    )
  },

  diagonal: (design, w, h) => {
    const { ground, deep, accent, ink } = design.palette
    const m = Math.min(w, h)
    const bubbles = Array.from({ length: 16 }, (_, index) => {
      const [x, y] = [w * ((index * 0.381) % 1), h * ((index * 0.617 + 0.1) % 1)]
      return `<circle cx="${x}" cy="${y}" r="${m * (0.015 + 0.02 * ((index * 0.27) % 1))}" fill="${accent}" fill-opacity=".6"/>`
    })
    return (
      `<rect width="${w}" height="${h}" fill="${ground}"/>${bubbles.join('')}` +
      `<path d="M0 ${h * 0.3}L${w} ${h * 0.1}V${h * 0.4}L0 ${h * 0.6}Z" fill="${deep}"/>` +
      `<path d="M0 ${h * 0.61}L${w} ${h * 0.41}V${h * 0.435}L0 ${h * 0.635}Z" fill="${accent}"/>` +
      word(design.brand, {
        x: w * 0.5,
        y: h * 0.4,
        size: m * 0.36,
        maxWidth: w * 0.84,
        fill: ink === deep ? accent : '#ffffff',
        weight: 900,
        turn: (-Math.atan2(h * 0.2, w) * 180) / Math.PI,
        skew: 10,
      }) +
      motif(design, w * 0.6, h * 0.7, m * 0.26) +
      word(design.name, { x: w / 2, y: h * 0.93, size: m * 0.15, maxWidth: w * 0.88, fill: ink, weight: 900 }) +
      word(design.flavour, { x: w * 0.3, y: h * 0.1, size: m * 0.085, maxWidth: w * 0.5, fill: ink, weight: 600 }) +
      word(design.net, { x: w * 0.84, y: h * 0.975, size: m * 0.055, maxWidth: w * 0.3, fill: ink, weight: 600 })
    )
  },

  stripes: (design, w, h) => {
    const { ground, deep, accent, ink, paper } = design.palette
    const m = Math.min(w, h)
    const stripes = Array.from(
      { length: 7 },
      (_, index) =>
        `<path d="M${(w * (index * 2)) / 13} ${h}L${w * (0.2 + (index * 0.6 * 2) / 13)} 0h${(w * 0.6) / 13}L${(w * (index * 2 + 1)) / 13} ${h}Z" fill="${deep}" fill-opacity=".55"/>`,
    )
    return (
      `<rect width="${w}" height="${h}" fill="${ground}"/>${stripes.join('')}` +
      `<rect width="${w}" height="${h * 0.05}" fill="${accent}"/><rect y="${h * 0.95}" width="${w}" height="${h * 0.05}" fill="${accent}"/>` +
      `<ellipse cx="${w / 2}" cy="${h * 0.24}" rx="${w * 0.46}" ry="${h * 0.125}" fill="${deep}" stroke="${accent}" stroke-width="${m * 0.022}"/>` +
      word(design.brand, {
        x: w / 2,
        y: h * 0.24 + m * 0.19 * capHeight * 0.5,
        size: m * 0.19,
        maxWidth: w * 0.76,
        fill: ink,
        weight: 900,
        spacing: 0.02,
      }) +
      motif(design, w / 2, h * 0.585, m * 0.29) +
      `<path d="M${w * 0.06} ${h * 0.78}H${w * 0.94}L${w * 0.88} ${h * 0.835}L${w * 0.94} ${h * 0.89}H${w * 0.06}L${w * 0.12} ${h * 0.835}Z" fill="${paper}"/>` +
      word(design.name, {
        x: w / 2,
        y: h * 0.835 + h * 0.08 * capHeight * 0.5,
        size: h * 0.08,
        maxWidth: w * 0.66,
        fill: deep,
        weight: 900,
      }) +
      word(design.flavour, { x: w / 2, y: h * 0.93, size: h * 0.035, maxWidth: w * 0.6, fill: ink, weight: 500 }) +
      word(design.net, { x: w * 0.85, y: h * 0.42, size: m * 0.06, maxWidth: w * 0.22, fill: ink, weight: 600 })
    )
  },

  band: (design, w, h) => {
    const { ground, deep, accent, ink, paper } = design.palette
    const m = Math.min(w, h)
    return (
      `<rect width="${w}" height="${h}" fill="${paper}"/><rect y="${h * 0.12}" width="${w}" height="${h * 0.76}" fill="${ground}"/>` +
      `<rect y="${h * 0.12}" width="${w}" height="${h * 0.03}" fill="${accent}"/><rect y="${h * 0.85}" width="${w}" height="${h * 0.03}" fill="${accent}"/>` +
      `<rect x="${w * 0.54}" width="${w * 0.46}" height="${h}" fill="${deep}"/>` +
      motif(design, w * 0.77, h * 0.48, Math.min(w * 0.19, h * 0.36)) +
      word(design.brand, { x: w * 0.27, y: h * 0.43, size: m * 0.3, maxWidth: w * 0.46, fill: ink, weight: 900 }) +
      word(design.name, { x: w * 0.27, y: h * 0.58, size: m * 0.12, maxWidth: w * 0.46, fill: accent, weight: 800 }) +
      word(design.flavour, { x: w * 0.27, y: h * 0.71, size: m * 0.09, maxWidth: w * 0.4, fill: ink, weight: 500 }) +
      word(design.net, { x: w * 0.1, y: h * 0.96, size: m * 0.06, maxWidth: w * 0.2, fill: deep, weight: 600 }) +
      smallPrint(w * 0.24, h * 0.93, w * 0.24, 2, h * 0.025, deep)
    )
  },

  window: (design, w, h) => {
    const { ground, deep, accent, ink, paper } = design.palette
    const m = Math.min(w, h)
    const checks = Array.from({ length: 32 }, (_, index) => {
      const side = w / 16
      const [x, y] = [(index % 16) * side, index < 16 ? 0 : side]
      return (index + (index < 16 ? 0 : 1)) % 2 === 0
        ? `<rect x="${x}" y="${h * 0.02 + y}" width="${side}" height="${side}" fill="${deep}"/><rect x="${x}" y="${h * 0.98 - y - side}" width="${side}" height="${side}" fill="${deep}"/>`
        : ''
    })
    return (
      `<rect width="${w}" height="${h}" fill="${ground}"/>${checks.join('')}` +
      `<rect x="${w * 0.06}" y="${h * 0.2}" width="${w * 0.88}" height="${h * 0.6}" rx="${m * 0.08}" fill="${paper}" stroke="${deep}" stroke-width="${m * 0.015}"/>` +
      word(design.brand, {
        x: w / 2,
        y: h * 0.37,
        size: m * 0.2,
        maxWidth: w * 0.78,
        fill: ink,
        weight: 900,
        skew: 6,
      }) +
      motif(design, w * 0.3, h * 0.58, m * 0.19) +
      word(design.name, { x: w * 0.68, y: h * 0.57, size: m * 0.17, maxWidth: w * 0.42, fill: accent, weight: 900 }) +
      word(design.flavour, { x: w * 0.68, y: h * 0.66, size: m * 0.075, maxWidth: w * 0.42, fill: ink, weight: 600 }) +
      word(design.net, { x: w * 0.84, y: h * 0.765, size: m * 0.06, maxWidth: w * 0.2, fill: deep, weight: 600 })
    )
  },

  quarters: (design, w, h) => {
    const { ground, deep, accent, ink } = design.palette
    const m = Math.min(w, h)
    return (
      `<rect width="${w}" height="${h}" fill="${ground}"/><rect width="${w / 2}" height="${h / 2}" fill="${deep}"/><rect x="${w / 2}" y="${h / 2}" width="${w / 2}" height="${h / 2}" fill="${deep}"/>` +
      `<path d="M0 ${h / 2}H${w}M${w / 2} 0V${h}" stroke="${accent}" stroke-width="${m * 0.03}"/>` +
      `<circle cx="${w / 2}" cy="${h / 2}" r="${m * 0.33}" fill="${deep}" stroke="${accent}" stroke-width="${m * 0.04}"/>` +
      motif(design, w / 2, h / 2, m * 0.25) +
      word(design.brand, {
        x: w / 2,
        y: h * 0.2,
        size: m * 0.27,
        maxWidth: w * 0.9,
        fill: accent,
        weight: 900,
        outline: deep,
      }) +
      word(design.name, {
        x: w / 2,
        y: h * 0.86,
        size: m * 0.2,
        maxWidth: w * 0.86,
        fill: ink,
        weight: 900,
        outline: deep,
      }) +
      word(design.flavour, {
        x: w / 2,
        y: h * 0.93,
        size: m * 0.1,
        maxWidth: w * 0.8,
        fill: accent,
        weight: 600,
        outline: deep,
      })
    )
  },

  poster: (design, w, h) => {
    const { ground, deep, accent, ink, paper } = design.palette
    const m = Math.min(w, h)
    const rings = [1, 0.78, 0.56].map(
      (size, index) =>
        `<circle cx="${w / 2}" cy="${h * 0.36}" r="${m * 0.42 * size}" fill="${[deep, accent, paper][index]}"/>`,
    )
    return (
      `<rect width="${w}" height="${h}" fill="${ground}"/>${rings.join('')}` +
      motif(design, w / 2, h * 0.36, m * 0.2) +
      `<rect y="${h * 0.7}" width="${w}" height="${h * 0.3}" fill="${deep}"/><rect y="${h * 0.7}" width="${w}" height="${h * 0.012}" fill="${accent}"/>` +
      word(design.name, { x: w / 2, y: h * 0.8, size: m * 0.19, maxWidth: w * 0.86, fill: accent, weight: 900 }) +
      word(design.brand, {
        x: w / 2,
        y: h * 0.88,
        size: m * 0.13,
        maxWidth: w * 0.7,
        fill: ink,
        weight: 500,
        spacing: 0.2,
      }) +
      word(design.flavour, { x: w / 2, y: h * 0.94, size: m * 0.075, maxWidth: w * 0.6, fill: ink, weight: 400 })
    )
  },

  waves: (design, w, h) => {
    const { ground, deep, accent, ink, paper } = design.palette
    const m = Math.min(w, h)
    const wave = (y: number, fill: string): string =>
      `<path d="M0 ${h * y}C${w * 0.25} ${h * (y - 0.1)} ${w * 0.25} ${h * (y + 0.1)} ${w / 2} ${h * y}S${w * 0.75} ${h * (y + 0.1)} ${w} ${h * y}V${h}H0Z" fill="${fill}"/>`
    return (
      `<rect width="${w}" height="${h}" fill="${ground}"/>${wave(0.46, paper)}${wave(0.6, accent)}${wave(0.76, deep)}` +
      word(design.brand, {
        x: w / 2,
        y: h * 0.32,
        size: m * 0.34,
        maxWidth: w * 0.86,
        fill: ink,
        weight: 900,
        skew: -6,
      }) +
      motif(design, w * 0.72, h * 0.6, m * 0.24) +
      word(design.name, { x: w * 0.32, y: h * 0.64, size: m * 0.15, maxWidth: w * 0.5, fill: deep, weight: 800 }) +
      word(design.flavour, { x: w / 2, y: h * 0.92, size: m * 0.09, maxWidth: w * 0.8, fill: paper, weight: 600 })
    )
  },
}
