import { describe, expect, test } from 'vitest'
import { isAddress, parseAddress } from '../../pipeline/sources/address.ts'

test.each([
  ['rtsp://cam/live', true],
  ['RTSP://cam/live', true],
  ['ftp://user:geheim@cam/a.mp4', true],
  ['photos/a.jpg', false],
  ['C:\\photos\\a.jpg', false],
  ['12:30.mp4', false],
])('%s is an address: %s', (path, is) => expect(isAddress(path)).toBe(is))

describe('what can be meant in two ways is a USAGE error that says what to write, and no part of the address', () => {
  test.each([
    ['rtsp://admin:p#w@10.0.0.1:8554/live', '# as %23'],
    ['rtsp://admin:1#w@10.0.0.1/live', '# as %23'],
    ['rtsp://p#w@10.0.0.1/live', '# as %23'],
    ['rtsp://admin:p/w@10.0.0.1:8554/live', '/ as %2F'],
    ['rtsp://admin:12/w@10.0.0.1:8554/live', '/ as %2F'],
    ['http://admin:p?w@10.0.0.1/live', '? as %3F'],
    ['rtsp://admin:p@w@10.0.0.1/live', '@ as %40'],
    ['rtsp://admin:p@w/x@10.0.0.1/live', '@ as %40'],
    ['rtsp://admin:p%w@10.0.0.1/live', '% as %25'],
    ['rtsp://admin:w%@10.0.0.1/live', '% as %25'],
    ['rtsp://admin:p w@10.0.0.1/live', 'a space as %20'],
    ['http://admin:p\\w@10.0.0.1/live', '\\ as %5C'],
  ])('%s', (address, hint) => {
    let message = ''
    try {
      parseAddress(address)
    } catch (error) {
      message = (error as Error).message
      expect(error).toMatchObject({ code: 'USAGE' })
    }
    expect(message).toContain(`write ${hint}`)
    expect(message).not.toContain('w@')
    expect(message).not.toContain('10.0.0.1')
  })

  test.each(['rtsp://', 'rtsp://admin:geheim@', 'http://admin:geheim@:99999/', 'ftp://admin:geheim@cam/a.mp4'])(
    '%s',
    (address) => {
      expect(() => parseAddress(address)).toThrow(expect.objectContaining({ code: 'USAGE' }))
      expect(() => parseAddress(address)).not.toThrow(/geheim/)
    },
  )
})

test.each([
  ['rtsp://admin:geheim@cam:8554/live', 'rtsp://admin:***@cam:8554/live', 'cam'],
  ['rtsp://admin:ge:heim@cam/live', 'rtsp://admin:***@cam/live', 'cam'],
  ['rtsp://admin:ge%23heim@cam/live', 'rtsp://admin:***@cam/live', 'cam'],
  ['rtsp://admin:%C3%BCber@cam/live', 'rtsp://admin:***@cam/live', 'cam'],
  ['https://sometoken@cam/live', 'https://***@cam/live', 'cam'],
  ['http://cam/cgi?user=admin&pwd=geheim&ch=1', 'http://cam/cgi?user=admin&pwd=***&ch=1', 'cam'],
  ['rtsp://cam/user=admin&password=geheim&channel=1', 'rtsp://cam/user=admin&password=***&channel=1', 'cam'],
  ['http://cam/@user/live', 'http://cam/@user/live', 'cam'],
  ['rtsp://[::1]:8554/live', 'rtsp://[::1]:8554/live', '[::1]'],
])('%s is shown as %s', (address, shown, host) => {
  expect(parseAddress(address)).toMatchObject({ shown, host, href: address })
})

test('nothing that is said of an address tells its password, in whatever form it is written', () => {
  const { withoutSecrets } = parseAddress('rtsp://admin:ge%23heim@cam/live?token=abc%2Fdef')
  for (const said of [
    'rtsp://admin:ge%23heim@cam/live: Connection refused',
    'user admin with ge#heim',
    'GET /live?token=abc%2Fdef failed',
    'the token abc/def is wrong',
  ]) {
    expect(withoutSecrets(said)).not.toMatch(/ge(%23|#)heim|abc(%2F|\/)def/)
  }
})

test.each([
  ['rtsp://cam/live', true],
  ['rtmp://cam/live', true],
  ['http://cam/video.mjpg', true],
  ['http://cam/stream?x=a.mp4', true],
  ['https://server/film.mp4', false],
  ['https://server/photo.JPG?size=1', false],
])('%s is live: %s', (address, isLive) => expect(parseAddress(address).isLive).toBe(isLive))
