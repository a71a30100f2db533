// Asks the server as the game's list of servers does (Server List Ping); exit status 0 when it answers.
const net = require('node:net')

const varint = (n) => {
  const bytes = []
  for (; n > 127; n >>>= 7) bytes.push((n & 127) | 128)
  return Buffer.from([...bytes, n])
}
const packet = (...parts) => {
  const body = Buffer.concat(parts)
  return Buffer.concat([varint(body.length), body])
}
const host = Buffer.from('127.0.0.1')
const port = Buffer.from([25565 >> 8, 25565 & 255])
const anyVersion = varint(0)
const handshake = packet(varint(0), anyVersion, varint(host.length), host, port, varint(1))

const end = (status, text) => {
  console.log(text)
  process.exit(status)
}
const socket = net.connect(25565, '127.0.0.1', () => socket.write(Buffer.concat([handshake, packet(varint(0))])))
let got = ''
socket.setTimeout(4000, () => end(1, 'no answer'))
socket.on('error', (error) => end(1, String(error)))
socket.on('close', () => end(1, 'it hung up'))
socket.on('data', (data) => {
  got += data.toString('latin1')
  const found = got.match(/"protocol":\s*(\d+)/)
  if (found) end(0, `it speaks protocol ${found[1]}`)
})
