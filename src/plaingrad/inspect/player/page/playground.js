// @ts-check
/**
 * The playground's page: it draws what plaingrad computes, and sends what is asked of it.
 *
 * One module for three hosts: a websocket (`plaingrad playground`), a notebook's widget, and a recorded run in a
 * file of its own. docs/playground_protocol.md describes the messages and the frames. Nothing is computed here that
 * belongs to training; there is one framework, and it is in Python.
 *
 * Sections: types, numbers and names, colours, frames, transports, geometry, the network's canvas, the output's canvas,
 * the curve, the document, controls, the network's controls, painting and files, the walk, comparing, keys, messages, start.
 */

// ---------------------------------------------------------------------------------------------------------- types

/**
 * @typedef {{units: number, activation?: string | null, dropout?: number | null}} HiddenLayer
 * @typedef {{name: string, lr: number} & Record<string, any>} Rule
 * @typedef {Object} State                     The fields of docs/playground_protocol.md.
 * @property {string} data
 * @property {number} samples
 * @property {number} classes
 * @property {number} noise
 * @property {number} train_share
 * @property {number} data_seed
 * @property {number} seed
 * @property {number[][]} points
 * @property {{names: string[], rows: number[][], target: string, classes: string[]} | null} table
 * @property {string[]} features
 * @property {HiddenLayer[]} layers
 * @property {string} activation
 * @property {number} dropout
 * @property {string} init
 * @property {string | null} loss
 * @property {number} delta
 * @property {Rule} optimizer
 * @property {number} l1
 * @property {number} l2
 * @property {number} batch_size
 * @property {number} epochs
 * @property {number} trained
 * @property {any} actions                    What was done while it trained; their number, in what the server sends.
 * @property {boolean} show_test
 * @property {boolean} discretize
 * @property {boolean} gradients
 *
 * @typedef {{name: string, units: number, activation: string | null, dropout: number, maps: boolean, labels?: string[]}} Layer
 * @typedef {{features: string[], layers: Layer[], grid: number, task: string, editable: boolean, bare?: boolean}} Network
 * @typedef {{train: number[][], test: number[][], bounds: number[], names: string[], classes: string[] | null,
 *            range?: number[]}} Data
 * @typedef {{values: Uint8Array | Float32Array, shape: number[]}} FrameArray
 * @typedef {{header: any, arrays: Map<string, FrameArray>}} Frame
 * @typedef {{stage: number, stages: number, phase: string, layer: number, sample: number, point: number[], label: number,
 *            values: any, gradients: any, weights?: any[], biases?: any[], loss: number | null, title: string, words: string}} Walk
 * @typedef {{layer: number, unit: number}} Unit          Layer -1 are the features.
 * @typedef {{layer: number, to: number, from: number | null}} Weight
 * @typedef {{x: number, ys: number[], size: number, layer: number}} Column
 * @typedef {{columns: Column[], width: number, height: number, pitch: number, curved: boolean, tight: boolean}} Layout
 *
 * @typedef {Object} Transport
 * @property {(message: object) => void} send
 * @property {(onText: (message: any) => void, onFrame: (buffer: ArrayBuffer) => void) => void} listen
 * @property {boolean} [recorded]              A recorded run: nothing but playing it is possible.
 * @property {boolean} [addressed]             The page has an address of its own, which may hold a state.
 * @property {() => void} [reconnect]
 * @property {() => Transport} [another]       A second connection, for comparing.
 * @property {() => void} [close]
 *
 * @typedef {Object} App                       Everything that a page knows: what came, what is shown, what is under way.
 * @property {any} element                     What the page stands in.
 * @property {HTMLElement} root
 * @property {Record<string, any>} ui          Its elements, by their ids without a prefix.
 * @property {Transport} transport
 * @property {boolean} isRival                 A second run beside another.
 * @property {{app: App} | null} rival         The second run, if there is one.
 * @property {App | null} first                The run beside which this is the second.
 * @property {(App | null)[]} done             Since there are two runs: whose weight was edited, null for what both did.
 * @property {any} past                        The run's beginning and what was done to it, a State; null if it is too large.
 * @property {boolean} refused                 What is said is why something was refused.
 * @property {boolean} comparing               A second run waits for it.
 * @property {number} keeping                  The timer that asks for it.
 * @property {any} state                       The last that came, a State.
 * @property {any} choices
 * @property {Network} network
 * @property {Layout} layout
 * @property {string} structure                Of the network that the controls over it were made for.
 * @property {any} data                        Data.
 * @property {any} frame                       The last Frame.
 * @property {number} frames                   How many came.
 * @property {number | null} unacknowledged    The number of a frame that is not drawn yet.
 * @property {number[][]} curve                Epoch, training loss, test loss.
 * @property {boolean} playing
 * @property {Walk | null} walk
 * @property {number} travel                   When the dots of a walk set out; 0 if they rest.
 * @property {Unit | null} shown               Looked at, by mouse or keyboard.
 * @property {Weight | null} hover
 * @property {any} edited                      The Weight in the small form.
 * @property {Unit | null} explained
 * @property {number[] | null} cross           Of the keyboard on the plane.
 * @property {number[][]} unsent               Painted points that the server has not answered.
 * @property {number} sent                     How many of them are on their way.
 * @property {number} painting                 The timer that sends them.
 * @property {string} csv
 * @property {((state: State) => void)[]} controls         Each shows its part of a state.
 * @property {((state: State) => void)[]} optionControls   Those of the update rule's options.
 * @property {Record<string, any>} bitmaps
 * @property {any} pointsLayer
 * @property {boolean} pointsDirty
 * @property {Palette} palette
 * @property {(size: number) => string} font
 * @property {(message: object) => void} send
 * @property {(message: object) => void} sendBoth
 * @property {(...parts: string[]) => void} schedule
 * @property {(theme: string) => void} setTheme
 * @property {(() => void) | undefined} onDrawn
 */

/** What a state is where it does not say otherwise. @type {State} */
const DEFAULTS = {
  data: "disc", samples: 300, classes: 2, noise: 0, train_share: 0.5, data_seed: 0, seed: 0, points: [], table: null,
  features: ["x1", "x2"], layers: [{ units: 4 }, { units: 2 }], activation: "tanh", dropout: 0, init: "default", loss: null, delta: 1,
  optimizer: { name: "SGD", lr: 0.2 }, l1: 0, l2: 0, batch_size: 10, epochs: 0, trained: 0, actions: [],
  show_test: false, discretize: false, gradients: false,
};

/** Runs worth a look: a title, and what differs from the defaults. @type {Record<string, [string, Partial<State>]>} */
const PRESETS = {
  start: ["The start: a disc, 2-4-2-2", {}],
  paper: ["The paper: 2-25-25-25-2, ReLU, MSE, batch 1", {
    samples: 2000, layers: [{ units: 25 }, { units: 25 }, { units: 25 }], activation: "relu", loss: "mse", batch_size: 1,
    optimizer: { name: "SGD", lr: 0.03 },
  }],
  spirals: ["Two spirals, Adam", {
    data: "spirals", samples: 500, layers: [{ units: 12 }, { units: 12 }], optimizer: { name: "Adam", lr: 0.01 },
  }],
  classes: ["Five classes", {
    data: "gaussians", classes: 5, samples: 500, noise: 0.1, layers: [{ units: 8 }], optimizer: { name: "Adam", lr: 0.01 },
  }],
  hills: ["Hills: regression", {
    data: "hills", samples: 600, layers: [{ units: 12 }, { units: 8 }], optimizer: { name: "Adam", lr: 0.01 },
  }],
  sigmoid: ["Eight layers of sigmoids", {
    layers: Array.from({ length: 8 }, () => ({ units: 4 })), activation: "sigmoid", optimizer: { name: "SGD", lr: 0.1 },
  }],
  wide: ["Twelve layers of sixteen", {
    data: "spirals", samples: 500, layers: Array.from({ length: 12 }, () => ({ units: 16 })),
    optimizer: { name: "Adam", lr: 0.001 },
  }],
};

// ------------------------------------------------------------------------------------------------ numbers and names

/** A number in few characters, with a minus sign that is one. @param {number | null | undefined} value */
function short(value, digits = 3) {
  if (value === null || value === undefined) return "–";
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  const text = size !== 0 && (size >= 1e5 || size < 1e-3) ? value.toExponential(1) : String(Number(value.toPrecision(digits)));
  return text.replace("-", "−");
}

/** @param {number} low @param {number} value @param {number} high */
const clamp = (low, value, high) => Math.min(high, Math.max(low, value));

/** A feature as mathematics writes it. @param {string} name */
const pretty = (name) => name.replace(/\bx([12])/g, (_, i) => "x" + "₁₂"[i - 1]).replace("^2", "²").replace("*", "")
  .replace(/sin\((.+)\)/, "sin π$1");

/** @param {Network} network @param {Unit} unit */
function unitName(network, { layer, unit }) {
  if (layer < 0) return `Feature ${pretty(network.features[unit] ?? "")}`;
  const { labels, activation } = network.layers[layer];
  if (layer === network.layers.length - 1) return `Output ${labels?.[unit] ?? unit + 1}`;
  return `Layer ${layer + 1}, unit ${unit + 1}${activation ? ` (${activation})` : ""}`;
}

// ---------------------------------------------------------------------------------------------------------- colours

/** Okabe and Ito's palette (2008), its first two being the ends of the diverging scale. */
const CLASSES = {
  light: ["#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#b5a800", "#4a4f55"],
  dark: ["#e8702a", "#3f9fe0", "#1fbf93", "#d992b8", "#f0b429", "#8fd0f7", "#f0e442", "#b9c0c8"],
};

/** @typedef {{ink: string, pale: string, line: string, paper: string, accent: string, classes: string[], negative: string,
 *             positive: string, family: string, diverging: Uint32Array, confidence: Uint32Array[]}} Palette */

/** @param {string} colour @returns {number[]} */
function channels(colour) {
  const hex = colour.trim().replace("#", "");
  return [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16));
}

/** A pixel between two colours, in the byte order of an ImageData. @param {number[]} from @param {number[]} to @param {number} share */
function blend(from, to, share) {
  const [red, green, blue] = from.map((value, i) => Math.round(value + (to[i] - value) * share));
  return (255 << 24 | blue << 16 | green << 8 | red) >>> 0;
}

/** The colours as the style sheet has them now. @param {HTMLElement} root @returns {Palette} */
function readPalette(root) {
  const style = getComputedStyle(root);
  const read = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
  const classes = CLASSES[read("--scheme") === "dark" ? "dark" : "light"];
  const [negative, positive] = classes;
  const middle = channels(read("--zero"));
  const diverging = Uint32Array.from({ length: 256 }, (_, i) =>
    blend(middle, channels(i < 128 ? negative : positive), Math.abs(i - 128) / 128));
  const confidence = classes.map((colour) =>
    Uint32Array.from({ length: 256 }, (_, i) => blend(middle, channels(colour), 0.75 * i / 255)));
  return {
    ink: read("--ink"), pale: read("--pale"), line: read("--line"), paper: read("--card"), accent: read("--accent"),
    classes, negative, positive, diverging, confidence, family: style.fontFamily,
  };
}

// ----------------------------------------------------------------------------------------------------------- frames

/** @param {ArrayBuffer} buffer @returns {Frame} */
export function decodeFrame(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const arrays = new Map();
  let at = padded(4 + length);
  for (const { name, kind, shape } of header.arrays) {
    const count = shape.reduce((/** @type {number} */ a, /** @type {number} */ b) => a * b, 1);
    arrays.set(name, { values: kind === "u8" ? new Uint8Array(buffer, at, count) : new Float32Array(buffer, at, count), shape });
    at = padded(at + (kind === "u8" ? count : 4 * count));
  }
  return { header, arrays };
}

/** @param {number} bytes */
const padded = (bytes) => (bytes + 3) & ~3;

// ------------------------------------------------------------------------------------------------------- transports

/** Over a websocket. @param {string} url @returns {Transport} */
export function websocket(url) {
  /** @type {WebSocket} */ let socket;
  /** @type {(message: any) => void} */ let onText;
  /** @type {(buffer: ArrayBuffer) => void} */ let onFrame;
  /** @type {string[]} */ let waiting = [];
  const connect = () => {
    socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => { waiting.forEach((text) => socket.send(text)); waiting = []; };
    socket.onmessage = ({ data }) => (typeof data === "string" ? onText(JSON.parse(data)) : onFrame(data));
    socket.onclose = () => { waiting = []; onText({ type: "closed" }); };
  };
  return {
    addressed: true,
    send(message) {
      const text = JSON.stringify(message);
      if (socket.readyState === WebSocket.OPEN) socket.send(text);
      else if (socket.readyState === WebSocket.CONNECTING) waiting.push(text);
    },
    listen(text, frame) { onText = text; onFrame = frame; connect(); },
    reconnect: connect,
    another: () => websocket(url),
    close() { socket.onclose = null; socket.close(); },
  };
}

/** Through the model of a notebook's widget. @param {any} model @returns {Transport} */
function widget(model) {
  return {
    send: (message) => model.send(message),
    listen(onText, onFrame) {
      const onBytes = (/** @type {DataView} */ { buffer, byteOffset, byteLength }) =>
        onFrame(/** @type {ArrayBuffer} */ (buffer.slice(byteOffset, byteOffset + byteLength)));
      (model.get("first_texts") ?? []).forEach(onText);
      if (model.get("first_frame")?.byteLength) onBytes(model.get("first_frame"));
      model.on("msg:custom", (/** @type {any} */ content, /** @type {DataView[]} */ buffers) =>
        buffers?.length ? onBytes(buffers[0]) : onText(content));
    },
  };
}

/** Where a recorded run stops: at each stage of a walk, and at each frame outside of one. @param {any[]} entries */
function stopsOf(entries) {
  let walking = false;
  return entries.flatMap((entry, i) => {
    if (entry.type === "walk") walking = typeof entry.stage === "number";
    return (entry.type === "walk" ? walking : typeof entry === "string" && !walking) ? [i] : [];
  });
}

/**
 * A recorded run: texts (objects) and frames (base64) in the order in which they came. What lies between two stops comes
 * with the first of them; explanations wait there until a unit is looked at.
 * @param {any[]} entries @returns {Transport}
 */
export function recording(entries) {
  const stops = stopsOf(entries);
  /** @type {(message: any) => void} */ let onText;
  /** @type {(buffer: ArrayBuffer) => void} */ let onFrame;
  let position = -1;
  let playing = false;
  /** @type {any} */ let timer;
  /** Explanations of the stage that is shown, by unit. @type {Map<string, object>} */ const explanations = new Map();

  const deliver = (/** @type {any} */ entry) => {
    if (typeof entry === "string") onFrame(Uint8Array.from(atob(entry), (c) => c.charCodeAt(0)).buffer);
    else onText(entry);
  };
  const tell = () => onText({ type: "playback", playing, position, stops: stops.length });
  const forward = () => {
    position += 1;
    const next = entries.slice(position === 0 ? 0 : stops[position], stops[position + 1]);
    const isAside = (/** @type {any} */ entry) => entry.type === "explanation";
    explanations.clear();
    next.filter(isAside).forEach((entry) => explanations.set(`${entry.layer},${entry.unit}`, entry));
    next.filter((entry) => !isAside(entry)).forEach(deliver);
  };
  const seek = (/** @type {number} */ goal) => {
    if (goal < position) {
      position = -1;
      onText({ type: "walk", stage: null });
    }
    while (position < clamp(0, goal, stops.length - 1)) forward();
    tell();
  };
  const tick = () => {
    if (!playing) return;
    playing = position < stops.length - 1;
    if (playing) seek(position + 1);
    else tell();
    timer = setTimeout(tick, typeof entries[stops[position]] === "string" ? 60 : 1500);
  };
  const set = (/** @type {boolean} */ now) => {
    clearTimeout(timer);
    playing = now;
    if (playing && position === stops.length - 1) seek(0);
    tell();
    if (playing) tick();
  };
  /** @type {Record<string, (message: any) => void>} */
  const actions = {
    play: () => set(true),
    pause: () => set(false),
    step: () => { set(false); seek(position + 1); },
    undo: () => { set(false); seek(position - 1); },
    reset: () => { set(false); seek(0); },
    seek: (message) => { set(false); seek(message.position); },
    walk: ({ action }) => { set(false); if (action !== "begin") seek(position + (action === "back" ? -1 : 1)); },
    look: ({ layer, unit }) => { const it = explanations.get(`${layer},${unit}`); if (it) onText(it); },
  };
  return {
    recorded: true,
    send: (message) => actions[/** @type {any} */ (message).type]?.(message),
    listen(text, frame) { onText = text; onFrame = frame; seek(0); },
  };
}

// --------------------------------------------------------------------------------------------------------- geometry

const MOST_CURVES = 700; // Beyond so many links, straight lines, which are faster to draw.

/** Columns of units within a width. @param {Network} network @param {number} width @param {number} height @returns {Layout} */
function layOut(network, width, height) {
  const counts = [network.features.length, ...network.layers.map((layer) => layer.units)];
  const most = Math.max(...counts);
  const [LEFT, RIGHT] = width < 480 ? [58, 88] : [84, 104]; // For the names of features and outputs.
  const gap = Math.max(54, (width - LEFT - RIGHT) / Math.max(1, counts.length - 1));
  const tight = gap < 92;
  const HEAD = tight ? 60 : 80; // Above the units, for the buttons of each layer.
  const pitch = clamp(most > 24 ? 20 : 27, (height - HEAD - 16) / most, 78);
  const size = Math.round(Math.min(0.74 * pitch, 0.62 * gap));
  const total = Math.max(height, HEAD + 16 + most * pitch);
  const middle = HEAD + (total - HEAD - 8) / 2;
  const columns = counts.map((count, i) => ({
    layer: i - 1, size, x: LEFT + i * gap, ys: Array.from({ length: count }, (_, k) => middle + (k - (count - 1) / 2) * pitch),
  }));
  const links = counts.slice(1).reduce((sum, count, i) => sum + count * counts[i], 0);
  return {
    columns, pitch, width: Math.max(width, LEFT + RIGHT + gap * (counts.length - 1)), height: total,
    curved: links <= MOST_CURVES, tight,
  };
}

/** Where a link is, at a share of its way: an S whose handles lie half way, or a line. @param {Layout} layout @param {Weight} weight @param {number} t */
function onLink({ columns, curved }, { layer, to, from }, t) {
  const [left, right] = [columns[layer], columns[layer + 1]];
  const x0 = left.x + left.size / 2, x1 = right.x - right.size / 2;
  const y0 = left.ys[from ?? 0], y1 = right.ys[to];
  if (!curved) return { x: x0 + (x1 - x0) * t, y: y0 + (y1 - y0) * t };
  return { x: x0 + (x1 - x0) * (1.5 * t - 1.5 * t * t + t ** 3), y: y0 + (y1 - y0) * (3 * t * t - 2 * t ** 3) };
}

/** The unit at a point, if any. @param {Layout} layout @param {number} x @param {number} y @returns {Unit | null} */
function unitHit({ columns }, x, y) {
  for (const { x: middle, ys, size, layer } of columns) {
    if (Math.abs(x - middle) > size / 2 + 2) continue;
    const unit = ys.findIndex((at) => Math.abs(y - at) <= size / 2 + 1);
    if (unit >= 0) return { layer, unit };
  }
  return null;
}

/** The link within six pixels of a point, if any. @param {Layout} layout @param {number} x @param {number} y @returns {Weight | null} */
function linkHit(layout, x, y) {
  const { columns } = layout;
  for (let layer = 0; layer + 1 < columns.length; layer += 1) {
    const [left, right] = [columns[layer], columns[layer + 1]];
    if (x <= left.x + left.size / 2 || x >= right.x - right.size / 2) continue;
    const t = wayTo(layout, layer, x);
    let best = null, distance = 6;
    for (let to = 0; to < right.ys.length; to += 1) {
      for (let from = 0; from < left.ys.length; from += 1) {
        const away = Math.abs(onLink(layout, { layer, to, from }, t).y - y);
        if (away < distance) [best, distance] = [{ layer, to, from }, away];
      }
    }
    return best;
  }
  return null;
}

/** The share of the way at which links of a layer reach x, halving. @param {Layout} layout @param {number} layer @param {number} x */
function wayTo(layout, layer, x) {
  let low = 0, high = 1;
  for (let i = 0; i < 20; i += 1) {
    const t = (low + high) / 2;
    if (onLink(layout, { layer, to: 0, from: 0 }, t).x < x) low = t;
    else high = t;
  }
  return low;
}

/** A point of a link that is as far as can be from the others. @param {Layout} layout @param {Weight} weight */
function clearPoint(layout, weight) {
  const ways = Array.from({ length: 17 }, (_, i) => 0.1 + 0.05 * i);
  const room = (/** @type {number} */ t) => {
    const { y } = onLink(layout, weight, t);
    let least = Infinity;
    layout.columns[weight.layer + 1].ys.forEach((_, to) => layout.columns[weight.layer].ys.forEach((__, from) => {
      if (to !== weight.to || from !== weight.from) {
        least = Math.min(least, Math.abs(onLink(layout, { layer: weight.layer, to, from }, t).y - y));
      }
    }));
    return least;
  };
  return onLink(layout, weight, ways.reduce((best, t) => (room(t) > room(best) ? t : best), 0.5));
}

// ---------------------------------------------------------------------------------------------- the network's canvas

/** A canvas as large as asked, sharp on dense screens, its context scaled to CSS pixels. @param {HTMLCanvasElement} canvas @param {number} width @param {number} height */
function prepare(canvas, width, height) {
  const ratio = Math.min(2, devicePixelRatio || 1);
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) {
    Object.assign(canvas, { width: w, height: h });
    Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
  }
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

/** Pixels of bytes, rows from below turned to rows from above; all squares of a stack in one picture. @param {App} app @param {string} name @param {FrameArray} array @param {(i: number) => number} colour */
function bitmap(app, name, { shape }, colour) {
  const [rows, columns] = shape.slice(-2);
  const count = shape.length > 2 ? shape[0] : 1;
  let kept = app.bitmaps[name];
  if (!kept || kept.canvas.width !== columns || kept.canvas.height !== rows * count) {
    const canvas = Object.assign(document.createElement("canvas"), { width: columns, height: rows * count });
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    const image = context.createImageData(columns, rows * count);
    kept = app.bitmaps[name] = { canvas, context, image, pixels: new Uint32Array(image.data.buffer) };
  }
  for (let square = 0, at = 0; square < count; square += 1) {
    for (let row = 0; row < rows; row += 1) {
      let to = (square * rows + rows - 1 - row) * columns;
      for (let column = 0; column < columns; column += 1) kept.pixels[to++] = colour(at++);
    }
  }
  kept.context.putImageData(kept.image, 0, 0);
  return kept.canvas;
}

/** Where the map of a unit stands among all, or -1. @param {Network} network @param {Unit} unit */
function mapIndex(network, { layer, unit }) {
  if (layer < 0) return unit;
  if (!network.layers[layer].maps) return -1;
  const before = network.layers.slice(0, layer).reduce((sum, other) => sum + (other.maps ? other.units : 0), 0);
  return network.features.length + before + unit;
}

/** What the links of a layer show, scaled so that 1 is thick: weights, or gradients. @param {App} app @param {number} layer */
function linkValues(app, layer) {
  const { walk, frame, state } = app;
  const flat = (/** @type {any} */ rows) => rows.flat();
  if (walk?.phase === "backward" && walk.gradients.weights[layer]) return { values: flat(walk.gradients.weights[layer]), scale: 0 };
  if (walk?.phase === "update" && walk.weights?.[layer]) return { values: flat(walk.weights[layer]), scale: thickest(app) };
  const gradients = state.gradients && frame?.arrays.get(`gradients.${layer}`);
  if (gradients) return { values: gradients.values, scale: 0 };
  const weights = frame?.arrays.get(`weights.${layer}`);
  return weights ? { values: weights.values, scale: thickest(app) } : null;
}

/** The weight whose link is thickest: the largest, or 2.5 while all are smaller, so that links grow with their weights. @param {App} app */
function thickest({ frame, network }) {
  if (!frame) return 2.5;
  frame.thickest ??= network.layers.reduce((most, _, layer) => Math.max(most, largest(frame.arrays.get(`weights.${layer}`)?.values ?? [])), 2.5);
  return frame.thickest;
}

/** The largest absolute value. @param {ArrayLike<number>} values */
function largest(values) {
  let most = 0;
  for (let i = 0; i < values.length; i += 1) most = Math.max(most, Math.abs(values[i]));
  return most;
}

const WIDTHS = 10;

/** All links of a layer, gathered by sign and width, so that each pen is taken once. @param {App} app @param {CanvasRenderingContext2D} context @param {number} layer @param {number} light */
function drawLinks(app, context, layer, light) {
  const links = linkValues(app, layer);
  if (!links) return;
  const { columns, curved, pitch } = app.layout;
  const [left, right] = [columns[layer], columns[layer + 1]];
  const x0 = left.x + left.size / 2, x1 = right.x - right.size / 2, xm = (x0 + x1) / 2;
  const scale = links.scale || largest(links.values) || 1;
  /** @type {Path2D[]} */ const paths = [];
  for (let to = 0, at = 0; to < right.ys.length; to += 1) {
    for (let from = 0; from < left.ys.length; from += 1, at += 1) {
      const value = links.values[at];
      const pen = Math.min(WIDTHS - 1, Math.floor(Math.sqrt(Math.abs(value) / scale) * WIDTHS)) + (value < 0 ? WIDTHS : 0);
      if (Number.isNaN(pen)) continue;
      const path = (paths[pen] ??= new Path2D());
      path.moveTo(x0, left.ys[from]);
      if (curved) path.bezierCurveTo(xm, left.ys[from], xm, right.ys[to], x1, right.ys[to]);
      else path.lineTo(x1, right.ys[to]);
    }
  }
  const thin = clamp(0.3, pitch / 50, 1.2);
  paths.forEach((path, pen) => {
    const strength = (pen % WIDTHS + 0.5) / WIDTHS;
    context.strokeStyle = pen < WIDTHS ? app.palette.positive : app.palette.negative;
    // Lines of at most a pixel are much faster to draw; in a dense network only the strongest are thicker.
    context.lineWidth = curved || strength > 0.8 ? 0.5 + 5.5 * thin * strength : 0.3 + 0.8 * strength;
    context.globalAlpha = light * (0.16 + 0.74 * strength);
    context.stroke(path);
  });
  context.globalAlpha = 1;
}

/** How strongly a layer's links show: all alike, but in a walk those of its layer. @param {App} app @param {number} layer */
function lightOf({ walk }, layer) {
  if (!walk || walk.phase === "update") return 1;
  return walk.layer === layer && walk.phase !== "input" && walk.phase !== "loss" ? 1 : 0.22;
}

/** Dots that travel with the sample, or back with the gradient. @param {App} app @param {CanvasRenderingContext2D} context */
function drawTravel(app, context) {
  const { walk, layout, palette } = app;
  if (!walk || !app.travel || !["forward", "backward"].includes(walk.phase)) return;
  const share = clamp(0, (performance.now() - app.travel) / 700, 1);
  if (share >= 1) { app.travel = 0; return; }
  const t = walk.phase === "forward" ? share : 1 - share;
  context.fillStyle = palette.ink;
  layout.columns[walk.layer + 1].ys.forEach((_, to) => layout.columns[walk.layer].ys.forEach((__, from) => {
    const { x, y } = onLink(layout, { layer: walk.layer, to, from }, t);
    context.fillRect(x - 1.5, y - 1.5, 3, 3);
  }));
  app.schedule("network");
}

/** The number that a walk shows at a unit, or null. @param {App} app @param {Unit} unit */
function walkNumber({ walk }, { layer, unit }) {
  if (!walk) return null;
  const values = layer < 0 ? walk.values.features : walk.values.layers[layer];
  const gradients = layer < 0 ? null : walk.gradients.layers[layer];
  if ((walk.phase === "backward" || walk.phase === "update") && gradients) return { value: gradients[unit], backward: true };
  return values ? { value: values[unit], backward: false } : null;
}

/** A number on its own ground. @param {App} app @param {CanvasRenderingContext2D} context @param {string} text @param {number} x @param {number} y @param {string} colour */
function drawPill(app, context, text, x, y, colour) {
  const width = context.measureText(text).width + 8;
  context.fillStyle = app.palette.paper;
  context.globalAlpha = 0.92;
  context.beginPath();
  context.roundRect(x - width / 2, y - 7.5, width, 15, 4);
  context.fill();
  context.globalAlpha = 1;
  context.fillStyle = colour;
  context.textAlign = "center";
  context.fillText(text, x, y + 0.5);
}

/** One unit: its map, the dot of its bias, its frame. @param {App} app @param {CanvasRenderingContext2D} context @param {HTMLCanvasElement | null} maps @param {Column} column @param {number} unit */
function drawUnit(app, context, maps, { layer, x, ys, size }, unit) {
  const { network, palette, shown, walk } = app;
  const [left, top] = [x - size / 2, ys[unit] - size / 2];
  const index = mapIndex(network, { layer, unit });
  const grid = network.grid;
  context.fillStyle = palette.paper;
  context.fillRect(left - 1, top - 1, size + 2, size + 2);
  if (maps && index >= 0 && (index + 1) * grid <= maps.height) context.drawImage(maps, 0, index * grid, grid, grid, left, top, size, size);
  const chosen = shown && shown.layer === layer && shown.unit === unit;
  const active = walk && walk.layer === layer && walk.phase !== "input";
  context.strokeStyle = chosen || active ? palette.accent : palette.pale;
  context.lineWidth = chosen ? 3 : active ? 2 : 1;
  context.globalAlpha = chosen || active ? 1 : 0.75;
  context.strokeRect(left - 0.5, top - 0.5, size + 1, size + 1);
  context.globalAlpha = 1;
  const bias = layer >= 0 ? app.frame?.arrays.get(`biases.${layer}`)?.values[unit] : undefined;
  if (bias !== undefined && size >= 14) {
    const dot = clamp(3, 3 + 4 * Math.sqrt(Math.abs(bias)), 8) * clamp(0.6, size / 40, 1);
    context.fillStyle = palette.paper;
    context.fillRect(left - 1, top + size - dot - 1, dot + 2, dot + 2);
    context.fillStyle = bias < 0 ? palette.negative : palette.positive;
    context.fillRect(left, top + size - dot, dot, dot);
  }
}

/** @param {App} app @param {CanvasRenderingContext2D} context */
function drawNames(app, context) {
  const { network, palette, layout, data } = app;
  const [first] = layout.columns, last = layout.columns[layout.columns.length - 1];
  context.font = app.font(12.5);
  context.fillStyle = palette.ink;
  context.textAlign = "right";
  network.features.forEach((/** @type {string} */ name, /** @type {number} */ i) =>
    context.fillText(pretty(name), first.x - first.size / 2 - 8, first.ys[i], first.x - first.size / 2 - 12));
  context.textAlign = "left";
  const labels = network.layers[network.layers.length - 1].labels ?? [];
  labels.forEach((/** @type {string} */ label, /** @type {number} */ i) => {
    const x = last.x + last.size / 2 + 8;
    if (data?.classes) {
      context.fillStyle = palette.classes[i];
      context.beginPath();
      context.arc(x + 4, last.ys[i], 4, 0, 7);
      context.fill();
    }
    context.fillStyle = palette.ink;
    context.fillText(label, x + (data?.classes ? 13 : 0), last.ys[i], layout.width - x - 17);
  });
}

/** @param {App} app */
function drawNetwork(app) {
  const { network, layout, frame, palette, ui } = app;
  if (!network || !layout) return;
  const context = prepare(ui.network, layout.width, layout.height);
  context.textBaseline = "middle";
  network.layers.forEach((/** @type {Layer} */ _, /** @type {number} */ layer) => drawLinks(app, context, layer, lightOf(app, layer)));
  if (app.hover) drawOneLink(app, context, app.hover);
  drawTravel(app, context);
  const maps = frame?.arrays.get("maps");
  const { diverging } = palette;
  const atlas = maps ? bitmap(app, "maps", maps, (i) => diverging[maps.values[i]]) : null;
  context.imageSmoothingEnabled = true;
  for (const column of layout.columns) column.ys.forEach((_, unit) => drawUnit(app, context, atlas, column, unit));
  drawNames(app, context);
  if (app.walk) drawWalkNumbers(app, context);
}

/** The numbers of a walk, under the units where there is room, else on them. @param {App} app @param {CanvasRenderingContext2D} context */
function drawWalkNumbers(app, context) {
  const { layout, palette } = app;
  context.font = app.font(layout.pitch < 30 ? 9.5 : 11);
  const below = layout.pitch > 46;
  for (const { x, ys, size, layer } of layout.columns) {
    ys.forEach((y, unit) => {
      const number = walkNumber(app, { layer, unit });
      if (!number) return;
      const text = (number.backward ? "∂ " : "") + short(number.value, 2);
      drawPill(app, context, text, x, below ? y + size / 2 + 8 : y, palette.ink);
    });
  }
}

/** The link under the mouse. @param {App} app @param {CanvasRenderingContext2D} context @param {Weight} weight */
function drawOneLink(app, context, weight) {
  context.strokeStyle = app.palette.ink;
  context.lineWidth = 2.5;
  context.beginPath();
  for (let i = 0; i <= 20; i += 1) {
    const { x, y } = onLink(app.layout, weight, i / 20);
    context.lineTo(x, y);
  }
  context.stroke();
}

// ----------------------------------------------------------------------------------------------- the output's canvas

const MARGIN = { left: 40, bottom: 24, top: 6, right: 8 };

/** The square in which the plane is drawn, and its scales. @param {App} app */
function plot(app) {
  const size = app.ui.output.parentElement.clientWidth;
  const inner = size - MARGIN.left - MARGIN.right;
  const [left, right, bottom, top] = app.data?.bounds ?? [-1, 1, -1, 1];
  return {
    inner, width: size, height: inner + MARGIN.top + MARGIN.bottom,
    toPixels: (/** @type {number} */ x, /** @type {number} */ y) => ({
      x: MARGIN.left + (x - left) / (right - left) * inner, y: MARGIN.top + (top - y) / (top - bottom) * inner,
    }),
    toData: (/** @type {number} */ x, /** @type {number} */ y) => [
      left + (x - MARGIN.left) / inner * (right - left), top - (y - MARGIN.top) / inner * (top - bottom),
    ],
  };
}

/** The colour of a label: its class, or where it lies between the ends of the range. @param {App} app @param {number} label */
function labelColour(app, label) {
  const { data, palette } = app;
  if (data.classes) return palette.classes[label] ?? palette.pale;
  const [low, high] = data.range ?? [-1, 1];
  const pixel = palette.diverging[clamp(0, Math.round(255 * (label - low) / (high - low || 1)), 255)];
  return `rgb(${pixel & 255} ${pixel >> 8 & 255} ${pixel >> 16 & 255})`;
}

/** The points, drawn once and kept until they change: circles to train, diamonds to test. @param {App} app */
function drawPoints(app) {
  const { data, palette, state } = app;
  const { width, height, toPixels } = plot(app);
  app.pointsLayer ??= document.createElement("canvas");
  const context = prepare(app.pointsLayer, width, height);
  const radius = clamp(2, 4.6 - data.train.length / 500, 3.6);
  context.lineWidth = 1;
  const each = (/** @type {number[][]} */ points, /** @type {string} */ edge, /** @type {(x: number, y: number) => void} */ shape) =>
    points.forEach(([px, py, label]) => {
      const { x, y } = toPixels(px, py);
      context.beginPath();
      shape(x, y);
      context.closePath();
      context.fillStyle = labelColour(app, label);
      context.strokeStyle = edge;
      context.fill();
      context.stroke();
    });
  const circle = (/** @type {number} */ x, /** @type {number} */ y) => context.arc(x, y, radius, 0, 7);
  each(data.train, palette.paper, circle);
  if (state.show_test) {
    const r = radius + 1;
    each(data.test, palette.ink, (x, y) => { context.moveTo(x - r, y); context.lineTo(x, y - r); context.lineTo(x + r, y); context.lineTo(x, y + r); });
  }
  each(app.unsent, palette.ink, circle);
  app.pointsDirty = false;
}

/** What the plane shows: the output, or the unit that is looked at. @param {App} app */
function planeBitmap(app) {
  const { frame, palette, shown, network, data, state } = app;
  const { diverging, confidence } = palette;
  const of = (/** @type {string} */ name) => frame.arrays.get(name);
  if (shown && mapIndex(network, shown) >= 0) {
    const large = of("enlarged"), whose = frame.header.enlarged;
    if (large && (!whose || (whose[0] === shown.layer && whose[1] === shown.unit))) {
      return bitmap(app, "enlarged", large, (i) => diverging[large.values[i]]);
    }
    const maps = of("maps"), cells = network.grid ** 2, first = mapIndex(network, shown) * cells;
    return bitmap(app, "small", { values: maps.values, shape: [network.grid, network.grid] }, (i) => diverging[maps.values[first + i]]);
  }
  const output = of("output");
  if (!output) return null;
  if (!data?.classes) {
    return bitmap(app, "output", output, (i) => diverging[state.discretize ? (output.values[i] < 128 ? 48 : 208) : output.values[i]]);
  }
  const sure = of("confidence"), least = 255 / data.classes.length;
  // From even odds, which have no colour, to certainty.
  const shade = Uint8Array.from({ length: 256 }, (_, i) => clamp(18, 255 * (i - least) / (255 - least), 255));
  return bitmap(app, "output", output, (i) =>
    confidence[output.values[i] % confidence.length][sure && !state.discretize ? shade[sure.values[i]] : 230]);
}

/** @param {App} app */
function drawOutput(app) {
  const { ui, frame, data, palette, walk } = app;
  if (!data) return;
  const { inner, width, height, toPixels } = plot(app);
  if (!width) return; // Not on the screen.
  const context = prepare(ui.output, width, height);
  const picture = frame && planeBitmap(app);
  context.imageSmoothingEnabled = true;
  if (picture) context.drawImage(picture, MARGIN.left, MARGIN.top, inner, inner);
  drawAxes(app, context);
  if (app.pointsDirty || !app.pointsLayer) drawPoints(app);
  context.save();
  context.beginPath();
  context.rect(MARGIN.left, MARGIN.top, inner, inner);
  context.clip();
  context.globalAlpha = app.shown ? 0.45 : 1;
  context.drawImage(app.pointsLayer, 0, 0, width, height);
  context.restore();
  if (walk?.point) drawRing(context, toPixels(walk.point[0], walk.point[1]), palette.ink);
  if (app.cross) drawCross(context, toPixels(app.cross[0], app.cross[1]), palette.ink);
}

/** @param {CanvasRenderingContext2D} context @param {{x: number, y: number}} at @param {string} colour */
function drawRing(context, { x, y }, colour) {
  Object.assign(context, { strokeStyle: colour, lineWidth: 2.5 });
  context.beginPath();
  context.arc(x, y, 9, 0, 7);
  context.stroke();
}

/** @param {CanvasRenderingContext2D} context @param {{x: number, y: number}} at @param {string} colour */
function drawCross(context, { x, y }, colour) {
  Object.assign(context, { fillStyle: colour });
  context.fillRect(x - 9, y - 1, 18, 2);
  context.fillRect(x - 1, y - 9, 2, 18);
}

/** @param {App} app @param {CanvasRenderingContext2D} context */
function drawAxes(app, context) {
  const { data, palette } = app;
  const { inner } = plot(app);
  const [left, right, bottom, top] = data.bounds;
  Object.assign(context, { strokeStyle: palette.line, lineWidth: 1, fillStyle: palette.pale, font: app.font(11) });
  context.strokeRect(MARGIN.left - 0.5, MARGIN.top - 0.5, inner + 1, inner + 1);
  const under = MARGIN.top + inner + 14;
  context.textBaseline = "middle";
  context.textAlign = "left";
  context.fillText(short(left, 2), MARGIN.left, under);
  context.textAlign = "right";
  context.fillText(short(right, 2), MARGIN.left + inner, under);
  context.fillText(short(top, 2), MARGIN.left - 5, MARGIN.top + 6);
  context.fillText(short(bottom, 2), MARGIN.left - 5, MARGIN.top + inner - 6);
  context.textAlign = "center";
  context.fillText(pretty(data.names[0] ?? ""), MARGIN.left + inner / 2, under, inner / 2);
  context.save();
  context.translate(MARGIN.left - 14, MARGIN.top + inner / 2);
  context.rotate(-Math.PI / 2);
  context.fillText(pretty(data.names[1] ?? ""), 0, 0, inner / 2);
  context.restore();
}

// -------------------------------------------------------------------------------------------------------- the curve

const CURVE_HEIGHT = 132;

/** The losses by epoch; of a run beside it too, over each other. @param {App} app */
function drawCurve(app) {
  const { ui, palette, rival } = app;
  const width = ui.curve.parentElement.clientWidth;
  if (!width) return;
  const context = prepare(ui.curve, width, CURVE_HEIGHT);
  /** @type {number[][][]} */ const curves = [app.curve, rival?.app.curve ?? []];
  const rows = curves.flat().filter((row) => row.slice(1).some(Number.isFinite));
  const most = rows.reduce((high, row) => Math.max(high, ...row.slice(1).filter(Number.isFinite)), 1e-9);
  Object.assign(context, { font: app.font(11), fillStyle: palette.pale, strokeStyle: palette.line, textBaseline: "middle", textAlign: "right" });
  const widths = [0, 0.5, 1].map((share) => context.measureText(short(share * most, 2)).width);
  const box = { left: Math.max(33, ...widths) + 5, right: width - 8, top: 8, bottom: CURVE_HEIGHT - 20 };
  const end = Math.max(1, ...curves.map((curve) => curve.at(-1)?.[0] ?? 0));
  const at = (/** @type {number} */ epoch, /** @type {number} */ loss) => [
    box.left + epoch / end * (box.right - box.left), box.bottom - clamp(0, loss / most, 1) * (box.bottom - box.top)];
  for (const share of [0, 0.5, 1]) {
    const [, y] = at(0, share * most);
    context.strokeRect(box.left, y, box.right - box.left, 0);
    if (rows.length) context.fillText(short(share * most, 2), box.left - 5, y);
  }
  context.fillText(`epoch ${short(end)}`, box.right, CURVE_HEIGHT - 8);
  curves.forEach((curve, k) => {
    drawLine(context, curve, 2, at, palette.classes[k ? 2 : 1], [4, 3]);
    drawLine(context, curve, 1, at, palette.classes[k ? 2 : 1], []);
  });
}

/** @param {CanvasRenderingContext2D} context @param {number[][]} curve @param {number} column @param {Function} at @param {string} colour @param {number[]} dash */
function drawLine(context, curve, column, at, colour, dash) {
  const step = Math.max(1, Math.floor(curve.length / 600));
  Object.assign(context, { strokeStyle: colour, lineWidth: 1.8, lineJoin: "round" });
  context.setLineDash(dash);
  context.beginPath();
  curve.forEach((row, i) => {
    if ((i % step && i < curve.length - 1) || !Number.isFinite(row[column])) return;
    const [x, y] = at(row[0], row[column]);
    context.lineTo(x, y);
  });
  context.stroke();
  context.setLineDash([]);
}

// ----------------------------------------------------------------------------------------------------- the document

const ICONS = {
  play: "M7 4.5v15l12-7.5z",
  pause: "M6 5h4v14H6zM14 5h4v14h-4z",
  batch: "M5 5v14l9-7zM16 5h3v14h-3z",
  epoch: "M3 5v14l7-7zM10 5v14l7-7zM18 5h3v14h-3z",
  reset: "M12 5V1.5L6.5 6 12 10.5V7a5.5 5.5 0 1 1-5.4 6.5h-2A7.5 7.5 0 1 0 12 5z",
  undo: "M9 5 3 10l6 5v-3.5h5.5a3 3 0 0 1 0 6H8v2.5h6.5a5.5 5.5 0 0 0 0-11H9z",
};

/** @param {string} path */
const icon = (path) => `<svg viewBox="0 0 24 24" width="18" height="18" aria-hidden="true"><path fill="currentColor" d="${path}"/></svg>`;

/** A number to type, with a slider under it. */
const slidable = (/** @type {(name: string) => string} */ id, /** @type {string} */ name, /** @type {string} */ label, hint = "") =>
  `<div class="field" title="${hint}"><label><span>${label}</span><input type="number" step="any" ${id(name)}></label>` +
  `<input type="range" min="0" max="1000" aria-label="${label}, slider" ${id(`${name}-slider`)}></div>`;

const selectable = (/** @type {(name: string) => string} */ id, /** @type {string} */ name, /** @type {string} */ label, kind = "") =>
  `<label class="field ${kind}"><span>${label}</span><select ${id(name)}></select></label>`;

const switchable = (/** @type {(name: string) => string} */ id, /** @type {string} */ name, /** @type {string} */ label) =>
  `<label class="switch"><input type="checkbox" ${id(name)}> ${label}</label>`;

/** The whole page; ids carry a prefix, since two runs may stand side by side. @param {(name: string) => string} id */
const pageHtml = (id) => `<div class="page">
<header class="bar">
  <div class="brand">
    <svg viewBox="0 0 32 32" width="30" height="30" aria-hidden="true"><rect width="32" height="32" rx="8" fill="var(--accent)"/>
      <path d="M7 23 16 7l9 16" fill="none" stroke="var(--on-accent)" stroke-width="2.4" stroke-linejoin="round" opacity=".55"/>
      <circle cx="16" cy="7.5" r="3.4" fill="var(--on-accent)"/><circle cx="7.5" cy="23" r="3.4" fill="var(--on-accent)"/>
      <circle cx="24.5" cy="23" r="3.4" fill="var(--on-accent)"/></svg>
    <h1>plaingrad <span>playground</span></h1>
  </div>
  <div class="buttons" role="group" aria-label="Training">
    <button type="button" class="play" ${id("play")} title="Play or pause (Space)">${icon(ICONS.play)}<span>Play</span></button>
    <button type="button" ${id("step-batch")} title="Train on one batch">${icon(ICONS.batch)}<span>Batch</span></button>
    <button type="button" ${id("step-epoch")} title="Train to the end of the epoch">${icon(ICONS.epoch)}<span>Epoch</span></button>
    <button type="button" ${id("undo")} title="Back to before the last batch, epoch, run, edit or walk; the settings stay">${icon(ICONS.undo)}<span>Undo</span></button>
    <button type="button" ${id("reset")} title="The first weights again">${icon(ICONS.reset)}<span>Reset</span></button>
    <button type="button" ${id("reseed")} title="Other first weights" class="live">New weights</button>
  </div>
  <p class="epoch"><span>Epoch</span> <output ${id("epoch")}>0</output></p>
  <label class="playback" ${id("playback")} hidden><span>Recorded run</span><input type="range" min="0" value="0" ${id("position")}></label>
  <div class="buttons tools" role="group" aria-label="Runs">
    <select ${id("preset")} class="live layered" aria-label="Start from an example"></select>
    <button type="button" class="live" ${id("compare")} aria-pressed="false" title="A second run that begins where this one is, in which something may differ">Compare</button>
    <button type="button" class="live" ${id("share")} title="Put this run into the address, and copy it">Share</button>
    <select ${id("theme")} aria-label="Light or dark"><option value="auto">◐ Auto</option><option value="light">◐ Light</option><option value="dark">◐ Dark</option></select>
  </div>
</header>
<div class="message" role="alert" ${id("message")} hidden></div>
<p class="compared" ${id("compared")} hidden></p>
<fieldset class="card settings live" ${id("settings")}><legend class="hidden">Learning</legend>
  ${slidable(id, "lr", "Learning rate")}
  ${selectable(id, "optimizer", "Optimizer")}
  <div class="options" ${id("options")}></div>
  ${slidable(id, "batch-size", "Batch size")}
  ${selectable(id, "activation", "Activation", "layered")}
  ${selectable(id, "loss", "Loss", "layered")}
  ${slidable(id, "delta", "delta", "Of the loss: errors beyond it count by their size, those below by their square")}
  ${slidable(id, "l1", "L1 penalty", "Of the weights, not of the biases")}
  ${slidable(id, "l2", "L2 penalty", "Of the weights, not of the biases")}
  <label class="field" title="Training stops by itself there; 0 is never"><span>Stop at epoch</span><input type="number" min="0" step="1" ${id("epochs")}></label>
</fieldset>
<main class="columns">
  <section class="column data" aria-label="Data">
    <fieldset class="card live"><legend>Data</legend>
      ${selectable(id, "data", "Set", "layered")}
      <div class="field classes">${slidable(id, "classes", "Classes")}</div>
      ${slidable(id, "samples", "Points")}
      ${slidable(id, "noise", "Noise")}
      ${slidable(id, "train-share", "Share to train on")}
      <label class="field target layered" hidden><span>Target</span><select ${id("target")}></select></label>
      <div class="buttons"><button type="button" ${id("regenerate")}>Draw anew</button><button type="button" class="layered" ${id("csv")} title="Paste it, choose a file, or drop one anywhere">CSV …</button></div>
    </fieldset>
    <fieldset class="card live layered"><legend>Features</legend><div class="features" ${id("features")}></div></fieldset>
  </section>
  <section class="column middle" aria-label="Network">
    <div class="card network">
      <div class="title"><h2>Network</h2>
        <div class="buttons small live layered"><button type="button" ${id("remove-layer")} aria-label="Remove the last hidden layer">−</button>
          <span ${id("layer-count")}></span><button type="button" ${id("add-layer")} aria-label="Add a hidden layer">+</button></div>
        <span class="live">${switchable(id, "gradients", "Gradients on the links")}</span>
        <button type="button" class="walk live" ${id("walk")} aria-pressed="false" title="One sample, forward and backward, a layer at a time">Walk through one step</button>
      </div>
      <div class="scroll"><div class="stage" ${id("stage")}>
        <canvas ${id("network")} tabindex="0" role="application" aria-label="Network. Arrow keys move among the units, Enter edits, plus and minus change the size of the layer."></canvas>
        <div ${id("heads")}></div>
        <form class="editor" ${id("editor")} hidden><label><span ${id("editor-title")}></span><select ${id("editor-from")} aria-label="Which weight of the unit"></select></label>
          <input type="number" step="any" ${id("editor-value")} aria-label="Value"><button type="submit">Set</button><button type="button" ${id("editor-close")} aria-label="Close">×</button></form>
      </div></div>
      <p class="status"><span ${id("status")}></span><span class="key"><span ${id("links")}>links: weights</span><i class="negative"></i>negative<i class="positive"></i>positive</span></p>
      <p class="hidden" aria-live="polite" ${id("says")}></p>
    </div>
    <section class="card walking" ${id("walking")} aria-label="Walk" hidden>
      <div class="title"><h2 ${id("walk-title")}></h2><span class="stages" ${id("walk-stage")}></span>
        <div class="buttons"><button type="button" ${id("walk-back")}>← Back</button><button type="button" class="primary" ${id("walk-next")}>Next →</button><button type="button" class="live" ${id("walk-end")}>End</button></div></div>
      <div class="track" ${id("walk-track")} aria-hidden="true"></div>
      <p aria-live="polite" ${id("walk-words")}></p>
      <div class="explanation" ${id("explanation")} aria-live="polite"></div>
    </section>
    <div class="pair">
      <section class="card health" aria-label="Health"><h2>Health</h2><ul class="findings" ${id("findings")} aria-live="polite"></ul></section>
      <fieldset class="card live layered"><legend>Layers</legend>
        <div class="two">${selectable(id, "init", "First weights")}${slidable(id, "dropout", "Dropout of all")}</div>
        <div class="layers" ${id("layers")}></div></fieldset>
    </div>
  </section>
  <section class="column result" aria-label="Output">
    <div class="card">
      <div class="title"><h2 ${id("output-title")}>Output</h2></div>
      <div class="square"><canvas ${id("output")} tabindex="0" role="application" aria-label="The plane with the data. Arrow keys move a cross, Enter paints there."></canvas></div>
      <div class="legend" ${id("legend")}></div>
      <div class="row">${switchable(id, "show-test", "Test points")}${switchable(id, "discretize", "Discretize")}</div>
      <label class="field live line paint"><span>Paint points</span><select ${id("paint-label")}></select></label>
    </div>
    <div class="card">
      <table class="numbers"><thead><tr><td></td><th scope="col">Training</th><th scope="col">Test</th></tr></thead>
        <tr><th scope="row">Loss</th><td ${id("train-loss")}>–</td><td ${id("test-loss")}>–</td></tr>
        <tr ${id("accuracy-row")}><th scope="row">Accuracy</th><td ${id("accuracy")}>–</td><td ${id("test-accuracy")}>–</td></tr></table>
      <div><canvas ${id("curve")} role="img" aria-label="Training and test loss by epoch"></canvas></div>
      <p class="key" ${id("curve-key")}></p>
    </div>
    <div class="card live exports"><h2>Save</h2><div class="buttons"><button type="button" ${id("export-program")} title="The Python program that trains this network">Program</button>
      <button type="button" ${id("export-model")} title="The trained network as a model file">Model</button><button type="button" ${id("export-recording")} title="This run as one HTML file">Recording</button>
      <button type="button" ${id("export-picture")}>Picture</button></div></div>
    <details class="keys"><summary>Keys</summary><dl><dt>Space</dt><dd>play, pause</dd><dt>→ ←</dt><dd>in a walk: next, back</dd><dt>Esc</dt><dd>end the walk, close</dd>
      <dt>arrows</dt><dd>on the network: among units; on the plane: move a cross</dd><dt>Enter</dt><dd>on a unit: edit its weights; on the plane: paint</dd><dt>+ −</dt><dd>on a unit: size of its layer</dd>
      <dt>Shift</dt><dd>while dragging on the plane: erase</dd></dl></details>
  </section>
</main>
<div class="rivals" ${id("rivals")}></div>
<dialog ${id("csv-dialog")}><form method="dialog"><h2>Your own data</h2>
  <p>Comma-separated values with a line of names. Columns of numbers become features, up to eight of them at first; the last column is the target until you choose another.</p>
  <textarea rows="10" ${id("csv-text")} aria-label="CSV" spellcheck="false" placeholder="x1,x2,label"></textarea>
  <div class="buttons"><input type="file" accept=".csv,.tsv,.txt,text/csv" ${id("csv-file")} aria-label="A file"><button value="" class="cancel">Cancel</button><button class="primary" value="use" ${id("csv-use")}>Use</button></div></form></dialog>
</div>`;

/** Builds the page and returns its elements by id, without the prefix. @param {HTMLElement} root @param {string} prefix */
function build(root, prefix) {
  root.innerHTML = pageHtml((name) => `id="${prefix}${name}" data-ui="${name}"`);
  /** @type {Record<string, any>} */ const ui = {};
  root.querySelectorAll("[data-ui]").forEach((element) => { ui[/** @type {HTMLElement} */ (element).dataset.ui ?? ""] = element; });
  return ui;
}

/** Replaces what is in a box; what has the focus there keeps it, by its data-key. @param {HTMLElement} box @param {(Node | string)[]} children */
function replaceKeepingFocus(box, children) {
  const focused = /** @type {HTMLElement | null} */ (/** @type {Document} */ (box.getRootNode()).activeElement);
  const key = focused && box.contains(focused) ? focused.dataset.key : undefined;
  box.replaceChildren(...children);
  if (key) /** @type {HTMLElement | null} */ (box.querySelector(`[data-key="${key}"]`))?.focus();
}

/** Replaces the options of a select where they differ. @param {HTMLSelectElement} select @param {{name: string, title: string}[]} options @param {string} [value] */
function fill(select, options, value) {
  const signature = JSON.stringify(options);
  if (select.dataset.options !== signature) {
    select.replaceChildren(...options.map(({ name, title }) => new Option(title, name)));
    select.dataset.options = signature;
  }
  if (value !== undefined) select.value = value;
}

// --------------------------------------------------------------------------------------------------------- controls

/** The scale of a slider: even, or by factors, with 0 at its left end where 0 is allowed. @param {number} low @param {number} high @param {string} kind @param {boolean} whole */
function scale(low, high, kind, whole) {
  const foot = low > 0 ? low : high * 1e-5;
  const round = (/** @type {number} */ value) => (whole ? Math.round(value) : Number(value.toPrecision(kind === "log" ? 2 : 3)));
  if (kind !== "log") {
    return {
      value: (/** @type {number} */ at) => round(low + (high - low) * at / 1000),
      position: (/** @type {number} */ value) => Math.round(1000 * (value - low) / (high - low)),
    };
  }
  return {
    value: (/** @type {number} */ at) => (low === 0 && at === 0 ? 0 : clamp(low, round(foot * (high / foot) ** (at / 1000)), high)),
    position: (/** @type {number} */ value) => (value < foot ? 0 : Math.round(1000 * Math.log(value / foot) / Math.log(high / foot))),
  };
}

/** Sends the values of some fields. @param {App} app @param {Partial<State>} fields */
const change = (app, fields) => app.send({ type: "change", state: fields });

/**
 * Ties a number and its slider to a field. A slider sends at most ten times a second while it moves.
 * @param {App} app @param {HTMLInputElement} input @param {HTMLInputElement} slider
 * @param {{low: number, high: number, kind: string, whole?: boolean}} range
 * @param {(state: State) => number} read @param {(value: number) => Partial<State>} write
 */
function tieNumber(app, input, slider, { low, high, kind, whole = false }, read, write) {
  const { value, position } = scale(low, high, kind, whole);
  Object.assign(input, { min: String(low), max: String(high), step: whole ? "1" : "any" });
  let waiting = 0;
  const sendSoon = () => {
    if (waiting) return;
    waiting = window.setTimeout(() => { waiting = 0; change(app, write(Number(input.value))); }, 100);
  };
  slider.oninput = () => { input.value = String(value(Number(slider.value))); sendSoon(); };
  input.onchange = () => {
    if (input.value !== "" && Number.isFinite(input.valueAsNumber)) change(app, write(clamp(low, input.valueAsNumber, high)));
    else refresh(app);
  };
  app.controls.push((/** @type {State} */ state) => {
    const now = read(state);
    if (!waiting && !isFocused(input)) input.value = String(now);
    if (!waiting) slider.value = String(position(now));
  });
}

/** @param {HTMLElement} element */
const isFocused = (element) => /** @type {Document} */ (element.getRootNode()).activeElement === element;

/** Ties a select to a field. @param {App} app @param {string} name @param {(state: State) => string} read @param {(value: string) => Partial<State>} write */
function tieSelect(app, name, read, write) {
  const select = app.ui[name];
  select.onchange = () => change(app, write(select.value));
  app.controls.push((/** @type {State} */ state) => { select.value = read(state); });
}

/** Shows the state in all controls again, after a change or a refusal. @param {App} app */
function refresh(app) {
  app.controls.forEach((/** @type {(state: State) => void} */ show) => show(app.state));
}

/** The options of a rule, from the state or their defaults. @param {App} app @param {string} name */
const optionsOf = (app, name) => app.choices.optimizers.find((/** @type {any} */ rule) => rule.name === name)?.options ?? [];

/** All controls that need the choices of the server; once. @param {App} app */
function bindControls(app) {
  const { ui, choices } = app;
  const number = (/** @type {string} */ name, /** @type {keyof State} */ field, /** @type {string} */ kind, whole = false) => {
    const [low, high] = choices.limits[field];
    tieNumber(app, ui[name], ui[`${name}-slider`], { low, high, kind, whole }, (state) => Number(state[field]), (value) => ({ [field]: value }));
  };
  number("samples", "samples", "log", true);
  number("classes", "classes", "linear", true);
  number("noise", "noise", "linear");
  number("train-share", "train_share", "linear");
  number("batch-size", "batch_size", "log", true);
  number("dropout", "dropout", "linear");
  number("delta", "delta", "log");
  number("l1", "l1", "log");
  number("l2", "l2", "log");
  const { low = 1e-5, high = 10 } = optionsOf(app, app.state.optimizer.name).find((/** @type {any} */ o) => o.name === "lr") ?? {};
  tieNumber(app, ui.lr, ui["lr-slider"], { low, high, kind: "log" }, (state) => optionValue(app, state, "lr"),
    (lr) => ({ optimizer: { ...app.state.optimizer, lr } }));

  fill(ui.data, choices.data);
  fill(ui.activation, choices.activations);
  fill(ui.init, choices.inits);
  fill(ui.optimizer, choices.optimizers.map((/** @type {any} */ rule) => ({ name: rule.name, title: rule.name })));
  fill(ui.preset, [{ name: "", title: "Examples" }, ...Object.entries(PRESETS).map(([name, [title]]) => ({ name, title }))]);
  tieSelect(app, "data", (state) => (state.table ? "own" : state.data), (data) => withData(app, data));
  const { onchange } = ui.data;
  ui.data.onchange = () => (ui.data.value === "own" ? beginOwn(app) : onchange());
  tieSelect(app, "activation", (state) => state.activation, (activation) => ({ activation }));
  tieSelect(app, "init", (state) => state.init, (init) => ({ init }));
  tieSelect(app, "loss", (state) => state.loss ?? "", (loss) => ({ loss: loss || null }));
  tieSelect(app, "optimizer", (state) => state.optimizer.name, (name) => ({
    optimizer: { name, lr: optionsOf(app, name).find((/** @type {any} */ o) => o.name === "lr")?.default ?? 0.01 } }));
  for (const [name, field] of [["show-test", "show_test"], ["discretize", "discretize"], ["gradients", "gradients"]]) {
    ui[name].onchange = () => {
      app.state[field] = ui[name].checked; // Drawn at once; of a recorded run, only here.
      app.pointsDirty = true;
      showLinks(app);
      app.schedule("network", "output");
      change(app, { [field]: ui[name].checked });
    };
    app.controls.push((/** @type {any} */ state) => { ui[name].checked = state[field]; });
  }
  ui.epochs.onchange = () => change(app, { epochs: Math.max(0, Math.round(ui.epochs.valueAsNumber || 0)) });
  app.controls.push((/** @type {State} */ state) => { if (!isFocused(ui.epochs)) ui.epochs.value = String(state.epochs); });
  app.controls.push(() => showOptions(app), () => showFeatures(app), () => showLosses(app), () => showDataFields(app));
}

/** Data to paint: the points painted so far, or one of each of two classes, since there must be some to train on. @param {App} app */
function beginOwn(app) {
  const points = app.state.points.length > 1 ? app.state.points : [[-0.5, -0.5, 0], [0.5, 0.5, 1]];
  beginBoth(app, { ...beginning(app.state), data: "own", loss: null, trained: 0, points });
}

/** Other data; features and loss return to what fits them. @param {App} app @param {string} data @returns {Partial<State>} */
function withData(app, data) {
  const { state } = app;
  /** @type {Partial<State>} */ const fields = { data, table: null, loss: null };
  if (state.table) fields.features = DEFAULTS.features;
  if (state.points.length && data !== "own") fields.points = [];
  return fields;
}

/** @param {App} app @param {State} state @param {string} name */
const optionValue = (app, state, name) => state.optimizer[name]
  ?? optionsOf(app, state.optimizer.name).find((/** @type {any} */ option) => option.name === name)?.default ?? 0;

/** The further options of the rule: made anew where the rule is another. @param {App} app */
function showOptions(app) {
  const { ui, state } = app;
  const { name } = state.optimizer;
  if (ui.options.dataset.rule !== name) {
    ui.options.dataset.rule = name;
    app.optionControls = [];
    const own = optionsOf(app, name).filter((/** @type {any} */ option) => option.name !== "lr");
    ui.options.replaceChildren(...own.map((/** @type {any} */ option) => optionControl(app, option)));
  }
  app.optionControls.forEach((/** @type {(state: State) => void} */ show) => show(state));
}

/** @param {App} app @param {any} option */
function optionControl(app, option) {
  const box = document.createElement("div");
  const write = (/** @type {any} */ value) => ({ optimizer: { ...app.state.optimizer, [option.name]: value } });
  const plainId = (/** @type {string} */ name) => `data-option="${name}"`;
  box.innerHTML = option.kind === "switch" ? switchable(plainId, option.name, option.name) : slidable(plainId, option.name, option.name);
  const input = /** @type {HTMLInputElement} */ (box.querySelector("input"));
  if (option.kind === "switch") {
    input.onchange = () => change(app, write(input.checked ? 1 : 0));
    app.optionControls.push((/** @type {State} */ state) => { input.checked = Boolean(optionValue(app, state, option.name)); });
  } else {
    const slider = /** @type {HTMLInputElement} */ (box.querySelector("[type=range]"));
    tieNumber({ ...app, controls: app.optionControls, send: app.send }, input, slider, option,
      (state) => optionValue(app, state, option.name), write);
  }
  box.className = "option";
  return box;
}

/** A box to tick for each feature. @param {App} app */
function showFeatures(app) {
  const { ui, state, choices } = app;
  const names = state.table ? state.table.names : choices.features.map((/** @type {any} */ feature) => feature.name);
  if (ui.features.dataset.names !== JSON.stringify(names)) {
    ui.features.dataset.names = JSON.stringify(names);
    ui.features.replaceChildren(...names.map((/** @type {string} */ name) => {
      const label = document.createElement("label");
      const input = Object.assign(document.createElement("input"), { type: "checkbox", value: name });
      label.append(input, ` ${pretty(name)}`);
      input.onchange = () => {
        const boxes = /** @type {HTMLInputElement[]} */ ([...ui.features.querySelectorAll("input")]);
        const features = boxes.filter((box) => box.checked).map((box) => box.value);
        if (features.length) change(app, { features });
        else input.checked = true; // A network needs something to look at.
      };
      return label;
    }));
  }
  ui.features.querySelectorAll("input").forEach((/** @type {HTMLInputElement} */ input) => { input.checked = state.features.includes(input.value); });
}

/** The losses that fit the task. @param {App} app */
function showLosses(app) {
  const { ui, choices, network, state } = app;
  const fitting = choices.losses.filter((/** @type {any} */ loss) => loss.task === "either" || loss.task === network.task);
  const usual = fitting.find((/** @type {any} */ loss) => loss.name === (network.task === "regression" ? "mse" : "cross_entropy"));
  const others = fitting.filter((/** @type {any} */ loss) => loss !== usual);
  fill(ui.loss, [...(usual ? [{ name: "", title: usual.title }] : []), ...others], state.loss === usual?.name ? "" : state.loss ?? "");
  const chosen = choices.losses.find((/** @type {any} */ loss) => loss.name === state.loss) ?? usual;
  ui.delta.closest(".field").hidden = !chosen?.options.includes("delta");
}

/** Fields that only some data have. @param {App} app */
function showDataFields(app) {
  const { ui, state } = app;
  ui.classes.closest(".field.classes").hidden = !["gaussians", "spirals"].includes(state.data) || Boolean(state.table);
  const own = Boolean(state.table) || state.data === "own";
  for (const name of ["samples", "noise"]) ui[name].closest(".field").hidden = own;
  ui.target.closest("label").hidden = !state.table;
  if (state.table) fill(ui.target, [...state.table.names, state.table.target].map((name) => ({ name, title: name })), state.table.target);
}

// ------------------------------------------------------------------------------------------- the network's controls

/** Other hidden layers. @param {App} app @param {(layers: HiddenLayer[]) => HiddenLayer[]} edit */
function changeLayers(app, edit) {
  change(app, { layers: edit(app.state.layers.map((/** @type {HiddenLayer} */ layer) => ({ ...layer }))) });
}

/** One unit more or fewer. @param {App} app @param {number} layer @param {number} step */
function resizeLayer(app, layer, step) {
  if (app.network.editable === false || layer < 0 || layer >= app.state.layers.length) return;
  changeLayers(app, (layers) => layers.map((other, i) => (i === layer ? { ...other, units: clamp(1, other.units + step, 64) } : other)));
}

/** @param {App} app */
function addLayer(app) {
  changeLayers(app, (layers) => [...layers, { units: layers.at(-1)?.units ?? 4 }]);
}

/** Buttons over each hidden layer, made anew when the network is another. @param {App} app */
function showHeads(app) {
  const { ui, network, layout, state } = app;
  const editable = network.editable !== false && !app.transport.recorded;
  replaceKeepingFocus(ui.heads, layout.columns.map((/** @type {Column} */ column) => {
    const { layer, x } = column;
    const head = Object.assign(document.createElement("div"), { className: `head${layout.tight ? " tight" : ""}${layer < 0 ? " first" : ""}` });
    head.style.left = `${x}px`;
    const hidden = layer >= 0 && layer < network.layers.length - 1;
    const count = column.ys.length;
    const title = layer < 0 ? "Features" : hidden ? `${count} unit${count > 1 ? "s" : ""}` : "Output";
    head.innerHTML = `<strong>${layout.tight && hidden ? count : title}</strong>`;
    if (hidden && editable && state.layers[layer]) head.append(headButtons(app, layer), headSelect(app, layer));
    return head;
  }));
  ui["layer-count"].textContent = `${network.layers.length - 1} hidden layer${network.layers.length === 2 ? "" : "s"}`;
  ui.stage.style.width = `${layout.width}px`;
}

/** @param {App} app @param {number} layer */
function headButtons(app, layer) {
  const box = Object.assign(document.createElement("span"), { className: "buttons small" });
  for (const [text, step, words] of /** @type {[string, number, string][]} */ ([["−", -1, "Fewer"], ["+", 1, "More"]])) {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: text });
    button.setAttribute("aria-label", `${words} units in layer ${layer + 1}`);
    button.dataset.key = `${layer}${step > 0 ? "+" : "-"}`;
    button.onclick = () => resizeLayer(app, layer, step);
    box.append(button);
  }
  return box;
}

/** The activation of one layer. @param {App} app @param {number} layer */
function headSelect(app, layer) {
  const select = document.createElement("select");
  select.setAttribute("aria-label", `Activation of layer ${layer + 1}`);
  select.dataset.key = `${layer}-activation`;
  const usual = { name: "", title: `${app.state.activation.replace("_", " ")}` };
  fill(select, [usual, ...app.choices.activations.filter((/** @type {any} */ a) => a.name !== app.state.activation)], app.state.layers[layer].activation ?? "");
  select.onchange = () => changeLayers(app, (layers) => layers.map((other, i) => (i === layer ? { ...other, activation: select.value || null } : other)));
  return select;
}

/** The table of layers: size, activation, dropout, removal. @param {App} app */
function showLayers(app) {
  const { ui, state } = app;
  const signature = JSON.stringify([state.layers, state.activation, state.dropout]);
  if (ui.layers.dataset.signature === signature) return;
  ui.layers.dataset.signature = signature;
  const rows = state.layers.map((/** @type {HiddenLayer} */ layer, /** @type {number} */ i) => {
    const row = Object.assign(document.createElement("div"), { className: "layer" });
    row.innerHTML = `<b>${i + 1}</b>`;
    const number = (/** @type {"units" | "dropout"} */ field, /** @type {string} */ words, /** @type {number} */ step, /** @type {number} */ high) => {
      const input = Object.assign(document.createElement("input"), { type: "number", min: field === "units" ? "1" : "0", max: String(high), step: String(step) });
      input.value = String(layer[field] ?? (field === "dropout" ? state.dropout : 1));
      input.setAttribute("aria-label", `${words} of layer ${i + 1}`);
      input.dataset.key = `${i}-${field}`;
      input.onchange = () => changeLayers(app, (layers) => layers.map((other, k) => (k === i ? { ...other, [field]: clamp(Number(input.min), input.valueAsNumber || 0, high) } : other)));
      return input;
    };
    const remove = Object.assign(document.createElement("button"), { type: "button", textContent: "×" });
    remove.setAttribute("aria-label", `Remove layer ${i + 1}`);
    remove.onclick = () => changeLayers(app, (layers) => layers.filter((_, k) => k !== i));
    row.append(number("units", "Units", 1, 64), headSelect(app, i), number("dropout", "Dropout", 0.05, 0.9), remove);
    return row;
  });
  const heading = Object.assign(document.createElement("div"), { className: "layer heading" });
  heading.innerHTML = "<span></span><span>Units</span><span>Activation</span><span>Dropout</span><span></span>";
  replaceKeepingFocus(ui.layers, rows.length ? [heading, ...rows] : ["No hidden layer: features and outputs are linked directly."]);
}

/** Looks at a unit: its map becomes large, its equation is asked for in a walk. @param {App} app @param {Unit | null} unit @param {boolean} [aloud] */
function look(app, unit, aloud = false) {
  const before = app.shown;
  if (before?.layer === unit?.layer && before?.unit === unit?.unit) return;
  app.shown = unit;
  app.send({ type: "enlarge", ...(unit ?? {}) });
  app.ui["output-title"].textContent = unit ? unitName(app.network, unit) : "Output";
  app.ui.status.textContent = statusWords(app);
  if (aloud) app.ui.says.textContent = statusWords(app);
  app.schedule("network", "output");
}

/** What the links show now. @param {App} app */
function showLinks({ ui, walk, state }) {
  ui.links.textContent = walk?.phase === "backward" || state.gradients ? "links: gradients" : "links: weights";
}

/** What is looked at, with its number as it is now. @param {App} app */
const statusWords = (app) => (app.shown ? unitWords(app, app.shown) : app.hover ? weightWords(app, app.hover) : "");

/** @param {App} app @param {Unit} unit */
function unitWords(app, unit) {
  const bias = app.frame?.arrays.get(`biases.${unit.layer}`)?.values[unit.unit];
  const number = walkNumber(app, unit);
  return unitName(app.network, unit) + (bias === undefined ? "" : `, bias ${short(bias)}`)
    + (number ? `, ${number.backward ? "gradient" : "value"} ${short(number.value)}` : "");
}

/** @param {App} app @param {Weight} weight */
function weightValue(app, { layer, to, from }) {
  if (from === null) return app.frame?.arrays.get(`biases.${layer}`)?.values[to];
  const weights = app.frame?.arrays.get(`weights.${layer}`);
  return weights?.values[to * weights.shape[1] + from];
}

/** @param {App} app @param {Weight} weight */
function weightWords(app, weight) {
  const { network } = app;
  const from = weight.layer === 0 ? pretty(network.features[weight.from ?? 0]) : `unit ${Number(weight.from) + 1}`;
  return `${unitName(network, { layer: weight.layer, unit: weight.to })}, weight from ${from}: ${short(weightValue(app, weight))}`;
}

/** The small form for one weight, which offers all that lead into the same unit. @param {App} app @param {Weight} weight @param {number} x @param {number} y */
function openEditor(app, weight, x, y) {
  const { ui, network, layout } = app;
  if (app.transport.recorded) return;
  app.edited = weight;
  const sources = weight.layer === 0 ? network.features.map(pretty)
    : Array.from({ length: network.layers[weight.layer - 1].units }, (_, i) => `unit ${i + 1}`);
  const hasBias = app.frame?.arrays.has(`biases.${weight.layer}`);
  fill(ui["editor-from"], [...(hasBias ? [{ name: "", title: "bias" }] : []),
    ...sources.map((/** @type {string} */ title, /** @type {number} */ i) => ({ name: String(i), title: `weight from ${title}` }))]);
  ui["editor-title"].textContent = unitName(network, { layer: weight.layer, unit: weight.to });
  ui["editor-from"].value = weight.from === null ? "" : String(weight.from);
  ui["editor-value"].value = String(Number((weightValue(app, weight) ?? 0).toPrecision(4)));
  ui.editor.hidden = false;
  ui.editor.style.left = `${clamp(4, x - 110, layout.width - 232)}px`;
  ui.editor.style.top = `${clamp(4, y + 14, layout.height - 90)}px`;
  ui["editor-value"].focus();
  ui["editor-value"].select();
}

/** @param {App} app */
function closeEditor(app) {
  if (app.ui.editor.hidden) return;
  app.ui.editor.hidden = true;
  app.ui.network.focus({ preventScroll: true });
}

/** @param {App} app */
function bindEditor(app) {
  const { ui } = app;
  ui["editor-from"].onchange = () => {
    const from = ui["editor-from"].value === "" ? null : Number(ui["editor-from"].value);
    app.edited = { ...app.edited, from };
    ui["editor-value"].value = String(Number((weightValue(app, app.edited) ?? 0).toPrecision(4)));
  };
  ui.editor.onsubmit = (/** @type {Event} */ event) => {
    event.preventDefault();
    const value = ui["editor-value"].valueAsNumber;
    if (Number.isFinite(value)) {
      app.send({ type: "edit", ...app.edited, value });
      (app.first ?? app).done.push(app);
    }
    closeEditor(app);
  };
  ui["editor-close"].onclick = () => closeEditor(app);
}

/** The mouse over the network. @param {App} app */
function bindNetwork(app) {
  const { ui } = app;
  const canvas = ui.network;
  canvas.onpointermove = (/** @type {PointerEvent} */ event) => {
    if (!app.layout) return;
    const { offsetX: x, offsetY: y } = event;
    const unit = unitHit(app.layout, x, y);
    const link = unit ? null : linkHit(app.layout, x, y);
    canvas.style.cursor = unit || link ? "pointer" : "default";
    look(app, unit);
    if (link?.layer === app.hover?.layer && link?.to === app.hover?.to && link?.from === app.hover?.from) return;
    app.hover = link;
    ui.status.textContent = statusWords(app);
    app.schedule("network");
  };
  canvas.onpointerleave = () => { app.hover = null; if (!isFocused(canvas)) look(app, null); app.schedule("network"); };
  canvas.onblur = () => look(app, null);
  canvas.onclick = (/** @type {MouseEvent} */ event) => {
    const { offsetX: x, offsetY: y } = event;
    const unit = unitHit(app.layout, x, y);
    const link = unit ? null : linkHit(app.layout, x, y);
    if (unit && app.walk) explain(app, unit);
    else if (unit && unit.layer >= 0) openEditor(app, { layer: unit.layer, to: unit.unit, from: null }, x, y);
    else if (link) openEditor(app, link, x, y);
    else closeEditor(app);
  };
  ui["add-layer"].onclick = () => addLayer(app);
  ui["remove-layer"].onclick = () => changeLayers(app, (layers) => layers.slice(0, -1));
}

// ----------------------------------------------------------------------------------------------- painting and files

/** Points painted since the last message go together, at most twenty times a second. @param {App} app @param {number[]} point */
function paint(app, point) {
  app.unsent.push(point);
  app.pointsDirty = true;
  app.schedule("output");
  app.painting ||= window.setTimeout(() => {
    app.painting = 0;
    app.sendBoth({ type: "paint", points: app.unsent.slice(app.sent ?? 0) });
    app.sent = app.unsent.length;
  }, 50);
}

/** What a stroke on the plane does there: paint, erase, or choose the sample of a walk. @param {App} app @param {number[]} at @param {boolean} erase @param {boolean} first */
function touchPlane(app, at, erase, first) {
  const [left, right, bottom, top] = app.data.bounds;
  const label = app.ui["paint-label"].value;
  if (at[0] < left || at[0] > right || at[1] < bottom || at[1] > top || app.transport.recorded) return;
  if (erase || label === "erase") app.sendBoth({ type: "erase", x: at[0], y: at[1], radius: (right - left) / 25 });
  else if (label !== "") paint(app, [...at, Number(label)]);
  else if (app.walk && first) beginWalk(app, nearest(app.data.train, at));
}

/** The index of the nearest point. @param {number[][]} points @param {number[]} at */
function nearest(points, [x, y]) {
  const away = (/** @type {number[]} */ point) => (point[0] - x) ** 2 + (point[1] - y) ** 2;
  return points.reduce((best, point, i) => (away(point) < away(points[best]) ? i : best), 0);
}

/** @param {App} app */
function bindPlane(app) {
  const canvas = app.ui.output;
  let last = [NaN, NaN];
  const at = (/** @type {PointerEvent} */ event) => plot(app).toData(event.offsetX, event.offsetY);
  canvas.onpointerdown = (/** @type {PointerEvent} */ event) => {
    if (!app.data) return;
    last = [event.offsetX, event.offsetY];
    if (app.ui["paint-label"].value !== "") canvas.setPointerCapture(event.pointerId);
    touchPlane(app, at(event), event.shiftKey, true);
  };
  canvas.onpointermove = (/** @type {PointerEvent} */ event) => {
    if (!event.buttons || !app.data || Math.hypot(event.offsetX - last[0], event.offsetY - last[1]) < 7) return;
    last = [event.offsetX, event.offsetY];
    touchPlane(app, at(event), event.shiftKey, false);
  };
  canvas.onkeydown = (/** @type {KeyboardEvent} */ event) => moveCross(app, event);
  canvas.onblur = () => { app.cross = null; app.schedule("output"); };
  app.ui["paint-label"].onchange = () => showPainting(app);
}

/** A finger on the plane paints where that is on, else it scrolls the page. @param {App} app */
function showPainting({ ui }) {
  ui.output.style.touchAction = ui["paint-label"].value === "" ? "auto" : "none";
}

/** The cross, for painting with the keyboard. @param {App} app @param {KeyboardEvent} event */
function moveCross(app, event) {
  /** @type {Record<string, number[]>} */ const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  const step = steps[event.key];
  if (!app.data || (!step && event.key !== "Enter")) return;
  event.preventDefault();
  event.stopPropagation();
  const [left, right, bottom, top] = app.data.bounds;
  const [x, y] = app.cross ?? [(left + right) / 2, (bottom + top) / 2];
  if (!step) return touchPlane(app, [x, y], event.shiftKey, true);
  app.cross = [clamp(left, x + step[0] * (right - left) / 40, right), clamp(bottom, y + step[1] * (top - bottom) / 40, top)];
  app.ui.says.textContent = `${app.data.names[0]} ${short(app.cross[0], 2)}, ${app.data.names[1]} ${short(app.cross[1], 2)}`;
  app.schedule("output");
}

/** What can be painted: classes, or five numbers over the range. @param {App} app */
function showLabels(app) {
  const { ui, data } = app;
  const [low, high] = data.range ?? [-1, 1];
  const labels = data.classes
    ? data.classes.map((/** @type {string} */ title, /** @type {number} */ i) => ({ name: String(i), title }))
    : [0, 1, 2, 3, 4].map((i) => low + (high - low) * i / 4).map((value) => ({ name: String(value), title: short(value, 2) }));
  const { value } = ui["paint-label"];
  const further = data.classes && labels.length < 8 ? [{ name: String(labels.length), title: "a new class" }] : [];
  fill(ui["paint-label"], [{ name: "", title: "off" }, ...labels, ...further, { name: "erase", title: "erase" }], value);
  if (!ui["paint-label"].value) ui["paint-label"].value = "";
  showPainting(app);
  ui.legend.classList.toggle("range", !data.classes);
  ui.legend.replaceChildren(...(data.classes ? labels : [labels[0], labels[4]]).map((/** @type {any} */ label) => {
    const chip = document.createElement("span");
    const dot = document.createElement("i");
    dot.style.background = labelColour(app, Number(label.name));
    chip.append(dot, label.title);
    return chip;
  }));
  ui["paint-label"].closest("label").hidden = Boolean(app.state.table); // A table may have more columns than the plane.
}

const MOST_CSV = 4_000_000; // Characters.

/** @param {App} app @param {string} text */
function useCsv(app, text) {
  if (text.length > MOST_CSV) return say(app, `A CSV file may have 4 MB; this one has ${(text.length / 1e6).toFixed(1)} MB.`, [], true);
  if (!text.trim()) return say(app, "The CSV file is empty.", [], true);
  app.csv = text;
  app.sendBoth({ type: "csv", text });
}

/** @param {App} app */
function bindFiles(app) {
  const { ui, element } = app;
  ui.csv.onclick = () => { ui["csv-dialog"].returnValue = ""; ui["csv-dialog"].showModal(); };
  ui["csv-dialog"].onclose = () => { if (ui["csv-dialog"].returnValue === "use") useCsv(app, ui["csv-text"].value); };
  ui["csv-file"].onchange = async () => { ui["csv-text"].value = (await ui["csv-file"].files[0]?.text()) ?? ""; };
  ui.target.onchange = () => {
    const target = ui.target.value;
    if (app.csv) app.sendBoth({ type: "csv", text: app.csv, target });
    else { say(app, "To choose another target, give the file again."); refresh(app); }
  };
  element.addEventListener("dragover", (/** @type {DragEvent} */ event) => event.preventDefault());
  element.addEventListener("drop", async (/** @type {DragEvent} */ event) => {
    event.preventDefault();
    const [file] = event.dataTransfer?.files ?? [];
    if (file && !app.transport.recorded) useCsv(app, await file.text());
  });
}

/** Saves what came as a file. @param {{name: string, text?: string, base64?: string}} file */
function save({ name, text, base64 }) {
  const content = base64 === undefined ? text ?? "" : Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  saveBlob(name, new Blob([content]));
}

/** @param {string} name @param {Blob} blob */
function saveBlob(name, blob) {
  const link = Object.assign(document.createElement("a"), { download: name, href: URL.createObjectURL(blob) });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** The network and the plane as one picture. @param {App} app */
function savePicture(app) {
  const { network, output } = app.ui;
  const canvas = document.createElement("canvas");
  const gap = 24;
  canvas.width = network.width + output.width + 3 * gap;
  canvas.height = Math.max(network.height, output.height) + 2 * gap;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.fillStyle = app.palette.paper;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(network, gap, (canvas.height - network.height) / 2);
  context.drawImage(output, network.width + 2 * gap, (canvas.height - output.height) / 2);
  canvas.toBlob((blob) => { if (blob) saveBlob("playground.png", blob); });
}

/** @param {App} app @param {string} fragment */
function share(app, fragment) {
  const command = `plaingrad playground "#${fragment}"`;
  let copied = command;
  if (app.transport.addressed) {
    history.replaceState(null, "", `#${fragment}`);
    // The token opens this server alone, and is not for others.
    copied = `${location.origin}${location.pathname}#${fragment}`;
  }
  const words = app.transport.addressed ? "The run stands in the address. Anyone opens it with: plaingrad playground LINK" : command;
  navigator.clipboard?.writeText(copied).then(() => say(app, `Copied. ${words}`), () => say(app, words));
  if (!navigator.clipboard) say(app, words);
}

// --------------------------------------------------------------------------------------------------------- the walk

/** @param {App} app @param {number} [sample] */
function beginWalk(app, sample = 0) {
  app.send({ type: "walk", action: "begin", sample });
}

/** @param {App} app @param {"next" | "back" | "end"} action */
function stepWalk(app, action) {
  if (!app.walk) return;
  app.send({ type: "walk", action });
  if (action === "end") showWalk(app, null);
}

/** A stage that came, or the end of the walk. @param {App} app @param {Walk | null} walk */
function showWalk(app, walk) {
  const { ui } = app;
  const before = app.walk;
  app.walk = walk;
  showLinks(app);
  ui.walking.hidden = !walk;
  ui.walk.setAttribute("aria-pressed", String(Boolean(walk)));
  if (walk) {
    ui["walk-title"].textContent = walk.title;
    ui["walk-words"].textContent = walk.words;
    ui["walk-stage"].textContent = `sample ${walk.sample}, ${walk.phase}, ${walk.stage + 1} of ${walk.stages}`;
    ui["walk-track"].style.setProperty("--share", String((walk.stage + 1) / walk.stages));
    ui["walk-track"].dataset.phase = walk.phase;
    ui["walk-back"].disabled = walk.stage === 0 && !app.transport.recorded;
    ui["walk-next"].disabled = walk.stage + 1 === walk.stages && !app.transport.recorded;
    ui.explanation.replaceChildren();
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    app.travel = !still && (!before || before.stage < walk.stage) ? performance.now() : 0;
    explainStage(app, walk);
    if (!before) ui.stage.closest(".card").scrollIntoView?.({ block: "start", behavior: still ? "auto" : "smooth" });
  }
  app.schedule("network", "output");
}

/** Ends the walk, if there is one, before something else is done. @param {App} app */
function leaveWalk(app) {
  if (!app.transport.recorded) stepWalk(app, "end");
}

/** Asks for the equation that goes with a stage: of the unit looked at before, if it is of that layer. @param {App} app @param {Walk} walk */
function explainStage(app, walk) {
  const { explained, network } = app;
  if (walk.phase === "input") return;
  const layer = walk.layer ?? (walk.phase === "update" ? explained?.layer ?? 0 : network.layers.length - 1);
  const unit = explained?.layer === layer ? explained.unit : 0;
  explain(app, { layer, unit: Math.min(unit, network.layers[layer].units - 1) });
}

/** @param {App} app @param {Unit} unit */
function explain(app, unit) {
  if (unit.layer < 0 || app.walk?.phase === "input") return;
  app.explained = unit;
  app.send({ type: "look", ...unit });
}

/** What may stand in an explanation: text and MathML, nothing that acts or loads. @param {string} html */
function safeNodes(html) {
  const page = new DOMParser().parseFromString(html, "text/html");
  page.querySelectorAll("script, style, link, meta, base, iframe, object, embed, img, svg, form, input, button").forEach((node) => node.remove());
  page.querySelectorAll("*").forEach((node) => [...node.attributes].forEach(({ name }) => {
    if (name.startsWith("on") || ["href", "src", "srcset", "action", "xlink:href"].includes(name)) node.removeAttribute(name);
  }));
  return page.body.childNodes;
}

/** @param {App} app @param {{title: string, html: string}} explanation */
function showExplanation(app, { title, html }) {
  app.ui.explanation.setAttribute("aria-label", title);
  app.ui.explanation.replaceChildren(...safeNodes(html));
}

// -------------------------------------------------------------------------------------------------------- comparing

/** Fields of the data and the seeds, in which both runs stay alike. @type {(keyof State)[]} */
const SHARED = ["data", "samples", "classes", "noise", "train_share", "data_seed", "seed"];

/** A second run that begins where this one is; or its end. @param {App} app */
function toggleRival(app) {
  const { ui } = app;
  ui.compare.setAttribute("aria-pressed", String(!app.rival));
  if (!app.rival) {
    leaveWalk(app);
    app.comparing = true;
    app.send({ type: "pause" });
    app.send({ type: "past" });
    return;
  }
  app.rival.app.transport.close?.();
  ui.rivals.replaceChildren();
  app.rival = null;
  showPlaying(app, app.playing);
  showCurveKey(app);
  app.schedule("network", "output", "curve");
}

/** The second run, from all that was done to the first. @param {App} app @param {Partial<State>} past */
function openRival(app, past) {
  const { ui, transport } = app;
  app.comparing = false;
  app.done = [];
  const pane = document.createElement("div");
  ui.rivals.replaceChildren(pane);
  app.rival = start(pane, /** @type {any} */ (transport).another(), { first: app, state: past, onDrawn: () => app.schedule("curve") });
  const { compared } = app.rival.app.ui;
  const from = past.trained ? `after batch ${past.trained}, with all that was done to it until there` : "with its first weights";
  compared.innerHTML = "<b>The second run</b> <span></span>";
  compared.querySelector("span").textContent = `begins as the run above it is ${from}. Play, Batch, Epoch, Undo and Reset, `
    + "data, seeds and painted points are for both; the settings and weights are each run's own. Reset compares from the first weights.";
  compared.hidden = false;
  showCurveKey(app);
  app.schedule("network", "output", "curve");
}

/** What the first run sends to both that is taken back in both. */
const UNDOABLE = new Set(["play", "step", "paint", "erase"]);

/** Takes back the last of what was done: in both runs, or in that whose weight was edited. @param {App} app */
function undo(app) {
  leaveWalk(app);
  const one = app.rival && app.done.pop();
  if (one) one.send({ type: "undo" });
  else app.sendBoth({ type: "undo" });
}

/** The data and seeds of the first run, in the second. @param {App} app */
function shareWithRival({ rival, state }) {
  const theirs = rival?.app.state;
  if (!theirs) return;
  const fields = Object.fromEntries(SHARED.filter((name) => theirs[name] !== state[name]).map((name) => [name, state[name]]));
  if (Object.keys(fields).length) change(rival.app, fields);
}

/** @param {App} app */
function showCurveKey(app) {
  const runs = app.rival ? [["", "this run"], ["second", "the run below"]] : [["", ""]];
  app.ui["curve-key"].innerHTML = runs.map(([name, words]) =>
    `<i class="line ${name}"></i>training<i class="line dashed ${name}"></i>test${words && ` (${words})`}`).join("<br>");
}

// ------------------------------------------------------------------------------------------------------------- keys

/** @param {App} app */
function togglePlay(app) {
  leaveWalk(app);
  const stops = isPlaying(app);
  app.sendBoth({ type: stops ? "pause" : "play" });
  for (const one of [app, app.rival?.app]) if (one) showPlaying(one, !stops);
}

/** True while it trains, or the run beside it. @param {App} app */
const isPlaying = (app) => app.playing || Boolean(app.rival?.app.playing);

/** @param {App} app @param {boolean} playing */
function showPlaying(app, playing) {
  app.playing = playing;
  const first = app.first ?? app, { play } = first.ui;
  const any = isPlaying(first);
  if (play.getAttribute("aria-pressed") === String(any)) return;
  play.innerHTML = `${icon(any ? ICONS.pause : ICONS.play)}<span>${any ? "Pause" : "Play"}</span>`;
  play.setAttribute("aria-pressed", String(any));
}

/** Keys for the whole page, where no control wants them itself. @param {App} app @param {KeyboardEvent} event */
function onKey(app, event) {
  const target = /** @type {HTMLElement} */ (event.target);
  if (event.ctrlKey || event.metaKey || event.altKey || app.ui["csv-dialog"].open) return;
  if (event.key === "Escape") {
    if (!app.ui.editor.hidden) return closeEditor(app);
    return stepWalk(app, "end");
  }
  if (target.closest("input, select, textarea, summary, dialog")) return;
  if (event.key === " " && !target.closest("button")) { event.preventDefault(); return togglePlay(app); }
  if (app.walk && (event.key === "ArrowRight" || event.key === "ArrowLeft")) {
    event.preventDefault();
    stepWalk(app, event.key === "ArrowRight" ? "next" : "back");
  }
}

/** Keys on the network: a unit at a time. @param {App} app @param {KeyboardEvent} event */
function onNetworkKey(app, event) {
  const { layout } = app;
  if (!layout || event.target !== app.ui.network) return;
  const { layer, unit } = app.shown ?? { layer: -2, unit: 0 };
  const count = (/** @type {number} */ k) => layout.columns[k + 1].ys.length;
  const go = (/** @type {number} */ k, /** @type {number} */ u) => {
    const column = clamp(-1, k, layout.columns.length - 2);
    const next = { layer: column, unit: clamp(0, u, count(column) - 1) };
    look(app, next, true);
    app.ui.stage.parentElement.scrollLeft = Math.max(0, layout.columns[column + 1].x - app.ui.stage.parentElement.clientWidth / 2);
    if (app.walk) explain(app, next);
  };
  /** @type {Record<string, () => void>} */
  const keys = {
    ArrowRight: () => go(layer + 1, unit), ArrowLeft: () => go(layer - 1, unit),
    ArrowUp: () => go(layer, unit - 1), ArrowDown: () => go(layer, unit + 1),
    "+": () => resizeLayer(app, layer, 1), "-": () => resizeLayer(app, layer, -1),
    Enter: () => {
      if (layer < 0) return;
      const { x, ys } = layout.columns[layer + 1];
      openEditor(app, { layer, to: unit, from: null }, x, ys[unit]);
    },
  };
  if (!keys[event.key]) return;
  event.preventDefault();
  event.stopPropagation();
  keys[event.key]();
}

// --------------------------------------------------------------------------------------------------------- messages

/** Says something above the page, with a way on if there is one; a refusal, until something is not refused. @param {App} app @param {string} words @param {[string, () => void][]} [ways] */
function say(app, words, ways = [], isRefusal = false) {
  const { message } = app.ui;
  app.refused = isRefusal;
  const text = Object.assign(document.createElement("span"), { textContent: words });
  const hide = () => { message.hidden = true; };
  const buttons = [...ways, /** @type {[string, () => void]} */ (["Close", () => {}])].map(([label, act]) => {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: label });
    button.onclick = () => { hide(); act(); };
    return button;
  });
  message.replaceChildren(text, ...buttons);
  message.hidden = false;
}

/** What each text does. @type {Record<string, (app: App, message: any) => void>} */
const TEXTS = {
  state: (app, { state, network, choices, playing }) => {
    const first = !app.choices;
    if (app.refused) app.ui.message.hidden = true;
    const structure = JSON.stringify([network, state.layers, state.activation]);
    app.state = { ...DEFAULTS, ...state };
    app.network = network;
    app.choices = choices ?? app.choices;
    app.root.classList.toggle("fixed", network.editable === false); // A network of one's own keeps its layers.
    app.root.classList.toggle("bare", network.bare === true); // A single step has nothing to set.
    if (!network.bare) {
      if (first) bindControls(app);
      refresh(app);
    }
    showPlaying(app, playing);
    showLinks(app);
    if (app.structure !== structure) { app.structure = structure; rebuild(app); }
    app.pointsDirty = true;
    shareWithRival(app);
    app.schedule("network", "output");
  },
  data: (app, data) => {
    app.data = data;
    if (app.walk && !app.transport.recorded) showWalk(app, null); // Other data end a walk.
    app.unsent = app.unsent.slice(app.sent ?? app.unsent.length);
    app.sent = 0;
    app.pointsDirty = true;
    showLabels(app);
    app.schedule("network", "output");
  },
  walk: (app, walk) => showWalk(app, typeof walk.stage === "number" ? walk : null),
  explanation: (app, explanation) => showExplanation(app, explanation),
  export: (_, file) => save(file),
  link: (app, { fragment }) => share(app, fragment),
  note: (app, { words }) => say(app, words),
  diverged: (app, { words, undo }) => {
    showPlaying(app, false);
    say(app, words, undo ? [["Go back", () => app.send({ type: "undo" })]] : [["Reset", () => app.send({ type: "reset" })]]);
  },
  error: (app, { words, message }) => {
    if (message === "past" && !app.comparing) { app.past = null; return; } // Nobody asked; reconnecting says what is left.
    if (message === "past") { app.comparing = false; app.ui.compare.setAttribute("aria-pressed", "false"); }
    say(app, words, [], true);
    if (message === "play") showPlaying(app, false);
    if (app.choices) refresh(app);
  },
  past: (app, { state }) => {
    app.past = state;
    if (app.comparing) openRival(app, state);
  },
  closed: (app) => {
    showPlaying(app, false);
    const lost = "The connection to plaingrad is lost.";
    if (!app.past) return say(app, `${lost} A new run can begin with your settings.`, [["Reconnect", () => reconnect(app)]]);
    say(app, `${lost} Reconnect trains the run to where it was, with all that was done to it; the link opens it in another plaingrad.`,
      [["Reconnect", () => reconnect(app)], ["Link", async () => share(app, await writeFragment(lastOf(app)))]]);
  },
  playback: (app, { playing, position, stops }) => {
    showPlaying(app, playing);
    Object.assign(app.ui.position, { max: String(stops - 1), value: String(position) });
  },
};

/** Another run, in both panes. @param {App} app @param {Partial<State>} state */
function beginBoth(app, state) {
  app.sendBoth({ type: "start", state });
}

/** The same run again, as far as it was; with the settings alone if there was too much to keep. @param {App} app */
function reconnect(app) {
  app.transport.reconnect?.();
  app.send({ type: "start", state: app.past ? lastOf(app) : { ...beginning(app.state), trained: 0 } });
}

/** The run as it was last seen: what was done to it, and as many batches as the last frame had. @param {App} app @returns {Partial<State>} */
const lastOf = ({ past, frame }) => ({ ...past, trained: Math.max(past.trained ?? 0, frame?.header.batch ?? 0) });

/** Messages after which a page need not ask again what was done to the run. */
const PASSIVE = new Set(["drawn", "enlarge", "look", "past", "link", "export", "play", "pause", "step", "show"]);

/** Keeps what was done to the run, in case the connection is lost. @param {App} app @param {string} type */
function keepPast(app, type) {
  if (!app.transport.reconnect || PASSIVE.has(type)) return;
  app.keeping ||= window.setTimeout(() => { app.keeping = 0; app.transport.send({ type: "past" }); }, 400);
}

/** A state to begin with: without what the server alone has whole. @param {State} state @returns {Partial<State>} */
function beginning(state) {
  const { table, actions, features, ...rest } = state;
  return table ? { ...rest, data: DEFAULTS.data, loss: null } : { ...rest, features };
}

/** Geometry and controls of another network. @param {App} app */
function rebuild(app) {
  const { ui, network } = app;
  const narrow = ui.stage.parentElement.clientWidth;
  app.layout = layOut(network, Math.max(300, narrow), narrow < 400 ? 300 : app.isRival ? 330 : 400);
  app.hover = null;
  if (app.shown && !network.layers[app.shown.layer] && app.shown.layer >= 0) look(app, null);
  showHeads(app);
  if (app.choices) showLayers(app);
  ui["accuracy-row"].hidden = network.task === "regression";
  app.schedule("network");
}

/** @param {App} app @param {ArrayBuffer} buffer */
function onFrame(app, buffer) {
  const frame = decodeFrame(buffer);
  const { header } = frame;
  app.frame = frame;
  app.frames += 1;
  app.unacknowledged = header.frame;
  if (header.whole) app.curve = [];
  app.curve.push(...(header.curve ?? []));
  if (header.findings) showFindings(app, header.findings);
  if (!app.transport.recorded && typeof header.playing === "boolean") showPlaying(app, header.playing);
  app.schedule("network", "output", "curve", "numbers");
}

/** @param {App} app @param {{where: string, words: string}[]} findings */
function showFindings({ ui }, findings) {
  const items = findings.map(({ where, words }) => {
    const item = document.createElement("li");
    if (!words.includes(where)) item.append(Object.assign(document.createElement("b"), { textContent: `${where} ` }));
    item.append(words);
    return item;
  });
  const none = Object.assign(document.createElement("li"), { className: "none", textContent: "No findings." });
  ui.findings.replaceChildren(...(items.length ? items : [none]));
}

/** @param {App} app */
function drawNumbers(app) {
  const { ui, frame } = app;
  ui.status.textContent = statusWords(app);
  const { epoch, loss, test_loss: test, accuracy, test_accuracy: testAccuracy } = frame.header;
  const percent = (/** @type {number | undefined} */ share) => (Number.isFinite(share) ? `${(100 * Number(share)).toFixed(1)} %` : "–");
  ui.epoch.textContent = epoch < 1000 ? Number(epoch).toFixed(1) : Math.floor(epoch).toLocaleString("en");
  ui["train-loss"].textContent = short(loss);
  ui["test-loss"].textContent = short(test);
  ui.accuracy.textContent = percent(accuracy);
  ui["test-accuracy"].textContent = percent(testAccuracy);
}

// ------------------------------------------------------------------------------------------------------------ start

const DRAWN = { network: drawNetwork, output: drawOutput, curve: drawCurve, numbers: drawNumbers };

/** Draws once for all that changed before the screen does, then asks for the next frame. @param {App} app */
function scheduler(app) {
  const dirty = new Set();
  let waiting = false;
  const draw = () => {
    waiting = false;
    const parts = [...dirty];
    dirty.clear();
    for (const part of parts) if (app.network && (part !== "numbers" || app.frame)) DRAWN[/** @type {keyof typeof DRAWN} */ (part)](app);
    if (app.unacknowledged !== null) app.send({ type: "drawn", frame: app.unacknowledged });
    app.unacknowledged = null;
    if (parts.includes("curve")) app.onDrawn?.();
  };
  return (/** @type {string[]} */ ...parts) => {
    parts.forEach((part) => dirty.add(part));
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(draw);
  };
}

/** The colours, and all that is drawn in them. @param {App} app */
function restyle(app) {
  app.palette = readPalette(app.root);
  app.pointsDirty = true;
  if (app.data) showLabels(app);
  app.schedule("network", "output", "curve");
}

/** @param {App} app */
function bindTheme(app) {
  const { ui, root } = app;
  const set = (/** @type {string} */ theme) => { root.dataset.theme = theme; restyle(app); app.rival?.app.setTheme(theme); };
  app.setTheme = set;
  let kept = "auto";
  try { kept = localStorage.getItem("plaingrad-theme") ?? "auto"; } catch { /* No storage here; the choice lasts as long as the page. */ }
  ui.theme.value = kept;
  ui.theme.onchange = () => {
    set(ui.theme.value);
    try { localStorage.setItem("plaingrad-theme", ui.theme.value); } catch { /* As above. */ }
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => restyle(app));
  set(kept);
}

/** The bar's buttons; those of training act on both runs. @param {App} app */
function bindBar(app) {
  const { ui } = app;
  const both = (/** @type {string} */ name, /** @type {object} */ message) => {
    ui[name].onclick = () => { leaveWalk(app); app.sendBoth(message); };
  };
  ui.play.onclick = () => togglePlay(app);
  both("step-batch", { type: "step", unit: "batch" });
  both("step-epoch", { type: "step", unit: "epoch" });
  both("reset", { type: "reset" });
  ui.undo.onclick = () => undo(app);
  ui.reseed.onclick = () => app.send({ type: "reseed" });
  ui.regenerate.onclick = () => app.send({ type: "regenerate" });
  ui.share.onclick = () => app.send({ type: "link" });
  ui.compare.onclick = () => toggleRival(app);
  ui.compare.hidden = !app.transport.another;
  ui.preset.onchange = () => {
    const preset = PRESETS[ui.preset.value];
    if (preset) beginBoth(app, { show_test: app.state.show_test, ...preset[1] });
    ui.preset.value = "";
  };
  for (const format of ["program", "model", "recording"]) ui[`export-${format}`].onclick = () => app.send({ type: "export", format });
  ui["export-picture"].onclick = () => savePicture(app);
  ui.walk.onclick = () => (app.walk ? stepWalk(app, "end") : beginWalk(app));
  ui["walk-next"].onclick = () => stepWalk(app, "next");
  ui["walk-back"].onclick = () => stepWalk(app, "back");
  ui["walk-end"].onclick = () => stepWalk(app, "end");
  ui.position.oninput = () => app.send({ type: "seek", position: Number(ui.position.value) });
}

/** A recorded run can only be played, and looked at stop by stop. @param {App} app */
function bindRecorded({ ui, root }) {
  root.querySelectorAll("fieldset").forEach((fieldset) => { fieldset.disabled = true; });
  ui["step-epoch"].hidden = true;
  for (const [name, words] of [["step-batch", "Next"], ["undo", "Back"], ["reset", "Start"]]) {
    ui[name].querySelector("span").textContent = words;
    ui[name].title = "";
  }
}

/** The state in the address, or none. The server checks it. @param {string} fragment @returns {Promise<Partial<State>>} */
async function readFragment(fragment) {
  const packed = Uint8Array.from(atob(fragment.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  return new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"))).json();
}

/** Begins with the state of the address, if the page has one. @param {App} app @param {Partial<State>} state */
async function begin(app, state) {
  const fragment = app.transport.addressed && !app.isRival ? location.hash.slice(1) : "";
  let first = state;
  if (fragment) {
    try { first = await readFragment(fragment); } catch { say(app, "What stands in the address cannot be read; this is a new run."); }
  }
  app.past = first;
  app.send({ type: "start", state: first });
}

/** A state as it stands in an address. @param {Partial<State>} state @returns {Promise<string>} */
async function writeFragment(state) {
  const packed = new Response(new Blob([JSON.stringify(state)]).stream().pipeThrough(new CompressionStream("deflate")));
  const bytes = new Uint8Array(await packed.arrayBuffer());
  const text = bytes.reduce((all, byte) => all + String.fromCharCode(byte), "");
  return btoa(text).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

/** What a test needs to find its way on the canvases. @param {App} app */
function handle(app) {
  const { ui } = app;
  return {
    app,
    get state() { return app.state; },
    get network() { return app.network; },
    get frame() { return app.frame; },
    get frames() { return app.frames; },
    get walk() { return app.walk; },
    unitAt: (/** @type {number} */ layer, /** @type {number} */ unit) => {
      const column = app.layout.columns[layer + 1];
      return { x: column.x, y: column.ys[unit] };
    },
    linkAt: (/** @type {number} */ layer, /** @type {number} */ to, /** @type {number} */ from) => clearPoint(app.layout, { layer, to, from }),
    pointAt: (/** @type {number} */ x, /** @type {number} */ y) => plot(app).toPixels(x, y),
    elements: ui,
  };
}

/**
 * Shows a playground in an element, and begins. With `first` it is the second run beside that.
 * @param {any} element @param {Transport} transport
 * @param {{first?: App | null, state?: Partial<State>, onDrawn?: () => void}} [options]
 */
export function start(element, transport, { first = null, state = {}, onDrawn } = {}) {
  const rival = Boolean(first);
  const root = document.createElement("div");
  root.className = `plaingrad-playground${rival ? " rival" : ""}${transport.recorded ? " recorded" : ""}`;
  const prefix = rival ? "second-" : "";
  const ui = build(root, prefix);
  element.append(root);
  const app = /** @type {App} */ (/** @type {unknown} */ ({
    element, root, ui, transport, onDrawn, first, isRival: rival, done: [], past: null, refused: false, comparing: false, keeping: 0, state: { ...DEFAULTS, ...state }, network: null, choices: null, layout: null, data: null,
    frame: null, frames: 0, unacknowledged: null, curve: [], playing: false, walk: null, travel: 0, shown: null, hover: null, edited: null, explained: null, structure: "",
    cross: null, unsent: [], sent: 0, painting: 0, csv: "", rival: null, controls: [], optionControls: [], bitmaps: {}, pointsLayer: null, pointsDirty: true,
    palette: null, font: (/** @type {number} */ size) => `${size}px ${app.palette.family}`,
  }));
  app.send = (/** @type {any} */ message) => { transport.send(message); keepPast(app, message.type); };
  app.sendBoth = (/** @type {any} */ message) => {
    app.send(message);
    app.rival?.app.send(message);
    if (UNDOABLE.has(message.type)) app.done.push(null);
  };
  app.schedule = scheduler(app);
  bindTheme(app);
  bindBar(app);
  bindEditor(app);
  bindNetwork(app);
  bindPlane(app);
  if (!rival) bindFiles(app);
  showCurveKey(app);
  showFindings(app, []);
  ui.playback.hidden = !transport.recorded;
  if (transport.recorded) bindRecorded(app);
  ui.network.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => onNetworkKey(app, event));
  if (!rival) {
    element.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      onKey(app, event);
      if (!transport.addressed) event.stopPropagation(); // A notebook has keys of its own.
    });
  }
  new ResizeObserver(() => {
    if (!app.palette.ink) restyle(app); // A notebook attaches the element later, and only then it has a style.
    app.pointsDirty = true;
    if (app.network) rebuild(app);
    app.schedule("output", "curve");
  }).observe(ui.stage.parentElement);
  transport.listen((message) => TEXTS[message.type]?.(app, message), (buffer) => onFrame(app, buffer));
  if (!transport.recorded) begin(app, state);
  if (transport.addressed && !rival) window.addEventListener("hashchange", () => { app.csv = ""; begin(app, {}); });
  const it = handle(app);
  element.__playground = it;
  return it;
}

// The page of `plaingrad playground`, whose socket stands beside it and wants the same token.
if (globalThis.document?.documentElement.dataset.playground === "socket") {
  const socket = new URL(`socket${location.search}`, location.href);
  socket.protocol = socket.protocol === "https:" ? "wss:" : "ws:";
  socket.hash = "";
  start(document.body, websocket(socket.href));
}

/** The widget of a notebook (anywidget). */
export default {
  /** @param {{model: any, el: HTMLElement}} widgetOf */
  render({ model, el }) {
    start(el, widget(model));
  },
};
