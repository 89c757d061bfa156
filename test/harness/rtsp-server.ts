/** An RTSP camera for tests: a test picture by ffmpeg, to clients that ask for TCP and know the password; tells what they asked for. */
import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'

export interface RtspServer extends AsyncDisposable {
  readonly port: number
  /** The Transport header of each SETUP. */
  readonly transports: readonly string[]
}

export interface RtspOptions {
  readonly port?: number
  readonly user: string
  readonly password: string
}

export async function startRtspServer({ port = 0, user, password }: RtspOptions): Promise<RtspServer> {
  const rtp = createSocket('udp4').bind(0, '127.0.0.1')
  await once(rtp, 'listening')
  const picture = ['-re', '-f', 'lavfi', '-i', 'testsrc=size=160x120:rate=25', '-c:v', 'mpeg2video', '-g', '5']
  const to = ['-f', 'rtp', `rtp://127.0.0.1:${rtp.address().port}`]
  const ffmpeg = spawn('ffmpeg', ['-v', 'error', ...picture, ...to], { stdio: 'ignore' })
  const players = new Set<Socket>()
  const sockets = new Set<Socket>()
  const transports: string[] = []
  rtp.on('message', (packet) => {
    const frame = Buffer.concat([Buffer.from([0x24, 0, packet.length >> 8, packet.length & 0xff]), packet])
    for (const player of players) if (!player.destroyed) player.write(frame)
  })
  const expected = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
  const answer = (socket: Socket, request: string): void => {
    const header = (name: string): string => new RegExp(`^${name}: *(.*)$`, 'im').exec(request)?.[1]?.trim() ?? ''
    const reply = (status: string, lines: readonly string[] = [], body = ''): unknown =>
      socket.write([`RTSP/1.0 ${status}`, `CSeq: ${header('CSeq')}`, ...lines, '', body].join('\r\n'))
    const method = request.split(' ', 1)[0]
    if (method === 'OPTIONS') reply('200 OK', ['Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN'])
    else if (header('Authorization') !== expected) reply('401 Unauthorized', ['WWW-Authenticate: Basic realm="camera"'])
    else if (method === 'DESCRIBE') {
      const sdp = `v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=camera\r\nt=0 0\r\nm=video 0 RTP/AVP 32\r\na=control:track1\r\n`
      reply('200 OK', ['Content-Type: application/sdp', `Content-Length: ${sdp.length}`], sdp)
    } else if (method === 'SETUP') {
      transports.push(header('Transport'))
      if (header('Transport').includes('/TCP')) {
        reply('200 OK', ['Transport: RTP/AVP/TCP;unicast;interleaved=0-1', 'Session: 1'])
      } else reply('461 Unsupported Transport')
    } else {
      reply('200 OK', ['Session: 1'])
      if (method === 'PLAY') players.add(socket)
    }
  }
  const server = createServer((socket) => {
    sockets.add(socket)
    let text = ''
    socket.on('data', (data) => {
      text += data.toString('latin1')
      for (let end = text.indexOf('\r\n\r\n'); end >= 0; end = text.indexOf('\r\n\r\n')) {
        // What stands in front of a request are the client's own reports.
        const request = /[A-Z_]+ rtsp:[\s\S]*$/.exec(text.slice(0, end))?.[0]
        text = text.slice(end + 4)
        if (request !== undefined) answer(socket, request)
      }
    })
    const forget = (): void => {
      sockets.delete(socket)
      players.delete(socket)
    }
    socket.on('error', forget).on('close', forget)
  }).listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    transports,
    [Symbol.asyncDispose]: async () => {
      ffmpeg.kill('SIGKILL')
      rtp.close()
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
