// The websocket of docs/wire.md: one connection for the page, which comes back
// by itself and asks only for the events that it has not seen.
import { message, type Message } from './wire/server';

export type Connection = 'connecting' | 'online' | 'reconnecting' | 'offline';

export interface Socket {
  onopen: (() => void) | null;
  onmessage: ((m: { data: string }) => void) | null;
  onclose: (() => void) | null;
  send(text: string): void;
  close(): void;
}

export interface LiveOptions {
  connect: () => Socket;
  after: (ms: number, f: () => void) => () => void; // returns the cancellation
  /** The watched run and the last number seen, asked at each (re)connection. */
  watched: () => { run: string; after: number } | null;
  onMessage: (m: Message) => void;
  onState: (s: Connection) => void;
}

const FIRST_MS = 500;
const LONGEST_MS = 8000;
/** After so many failures in a row the page says offline instead of reconnecting. */
const PATIENCE = 3;

export class Live {
  private socket: Socket | null = null;
  private failures = 0;
  private cancel: (() => void) | null = null;

  constructor(private readonly options: LiveOptions) {}

  open(): void {
    this.cancel?.();
    this.cancel = null;
    if (this.socket) return;
    this.options.onState(this.failures === 0 ? 'connecting' : this.failures < PATIENCE ? 'reconnecting' : 'offline');
    const socket = this.options.connect();
    this.socket = socket;
    socket.onopen = () => {
      this.failures = 0;
      this.options.onState('online');
      this.watch();
    };
    socket.onmessage = (m) => {
      const parsed = message(m.data);
      if (parsed) this.options.onMessage(parsed);
    };
    socket.onclose = () => {
      if (this.socket !== socket) return;
      this.socket = null;
      this.failures++;
      this.options.onState(this.failures < PATIENCE ? 'reconnecting' : 'offline');
      this.cancel = this.options.after(Math.min(LONGEST_MS, FIRST_MS * 2 ** (this.failures - 1)), () => this.open());
    };
  }

  /** Asks for the watched run's events after the last one seen. */
  watch(): void {
    const w = this.options.watched();
    if (w && this.socket && this.failures === 0) this.socket.send(JSON.stringify({ type: 'watch', ...w }));
  }

  /** Tries again now, for example because the browser says that it is online. */
  retry(): void {
    if (!this.socket) this.open();
  }
}
