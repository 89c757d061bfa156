#!/usr/bin/env node
// Starts the command line on the Node 24 that the project installs, whichever node is on the PATH, and hands signals on.
import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('../main.ts', import.meta.url))
const isCurrent = Number(process.versions.node.split('.')[0]) >= 24
const node = isCurrent ? process.execPath : createRequire(import.meta.url).resolve('node/bin/node')
const child = spawn(node, ['--disable-warning=ExperimentalWarning', main, ...process.argv.slice(2)], {
  stdio: 'inherit',
})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    // Ctrl-C reaches the whole foreground group: the child has it already, and would take a second one for impatience.
    if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal)
  })
}
child.on('exit', (code, signal) => {
  process.exitCode = signal === null ? code : 1
})
