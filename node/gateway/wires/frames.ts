/** WebSocket frames of a server, made once and shared by every socket that gets them (RFC 6455, section 5.2).
 *
 *  A frame from a server is not masked and without compression depends on nothing of its connection: header and text
 *  are the same bytes for everybody. So an event is encoded once and each socket gets one write of the same buffer.
 *
 *      FIN + text | length 7 bits | or 126 and 16 bits | or 127 and 64 bits | text, UTF-8 */
export function frameOf(value: unknown): Buffer {
  const text = JSON.stringify(value);
  const length = Buffer.byteLength(text);
  const header = length < 126 ? 2 : length < 65_536 ? 4 : 10;
  const frame = Buffer.allocUnsafe(header + length);
  frame[0] = 0x81;
  if (header === 2) frame[1] = length;
  else if (header === 4) {
    frame[1] = 126;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = 127;
    frame.writeBigUInt64BE(BigInt(length), 2);
  }
  frame.write(text, header);
  return frame;
}
