// A LwM2M 1.0 device that bootstraps, registers with what it was given, tells what
// happened as one JSON object per line, and ends. The protocol is that of the
// wakatiwai client (an older Wakaama with tinydtls) inside node-red-contrib-lwm2m;
// the package's JavaScript keeps the objects. Node-RED itself is not needed.
'use strict';

const { EventEmitter } = require('events');
const fs = require('fs');
const { parseArgs } = require('util');
const {
  LwM2MClientProxy, LwM2MObjectStore, ResourceRepositoryBuilder,
} = require('node-red-contrib-lwm2m/dist/lwm2m-common.js');

// The exit statuses are those of the Leshan devices.
const STATUS = { 'registered': 0, 'bootstrap-refused': 2, 'bootstrap-timeout': 3, 'not-registered': 4 };

const { values: options } = parseArgs({
  options: {
    'endpoint': { type: 'string' },
    'server': { type: 'string' },                  // URI of the Bootstrap-Server
    'identity': { type: 'string' },                // belongs to coaps, as does:
    'key-file': { type: 'string' },                // hexadecimal digits
    'seconds': { type: 'string', default: '30' },
  },
});

const started = Date.now();
const print = (event, members) =>
  console.log(JSON.stringify({ event, milliseconds: Date.now() - started, ...members }));

// node stands for the Node-RED node, whose properties the package reads as settings.
function node() {
  const server = new URL(options.server);
  const secure = server.protocol === 'coaps:';
  return Object.assign(new EventEmitter(), {
    clientName: options.endpoint,
    clientPort: 0,                                 // any that is free
    useIPv4: true,
    serverHost: server.hostname,
    serverPort: server.port,
    serverId: 99,                                  // Short Server ID before the bootstrap
    lifetimeSec: 300,
    requestBootstrap: true,
    enableDTLS: secure,
    pskIdentity: options.identity,
    presharedKey: secure ? fs.readFileSync(options['key-file'], 'utf8').trim() : '',
    clientHoldOffTime: 1,                          // 0 would become 10
    reconnectSec: 3600,                            // beyond the end of this program
    bootstrapIntervalSec: 3600,
    saveProvisionedConfig: false,
    redirectLwm2mClientLog: true,
    log: console.error,
    error: console.error,
    debug: () => {},
    trace: () => {},
  });
}

// plain is a value of the package as JSON has it; bytes as hexadecimal digits, which is
// also how the package notes them where a setting was given so.
function plain({ type, value }) {
  if (type !== 'OPAQUE') return value;
  const text = Buffer.from(value.data ?? value).toString('latin1');
  return text.startsWith('hex:') ? text.slice(4) : Buffer.from(text, 'latin1').toString('hex');
}

async function accounts(store) {
  const resources = await store.get('^/[01]/.*$');
  return Object.fromEntries(resources.map(({ uri, value }) => [uri, plain(value)]));
}

async function main() {
  const settings = node();
  settings.objectStore = new LwM2MObjectStore(settings);
  const client = new LwM2MClientProxy(settings);
  const device = { 3: { 0: { 0: { type: 'STRING', acl: 'R', value: 'lwbs' } } } };
  settings.objectStore.repo = await new ResourceRepositoryBuilder([device]).build(settings);

  let state = 'started';
  const outcome = new Promise((resolve) => {
    for (const name of ['bootstrapping', 'registering', 'connected']) {
      client.on(name, () => print('state', { state: state = name }));
    }
    client.on('connected', () => resolve('registered'));
    client.on('disconnected', () => resolve(state === 'registering' ? 'not-registered' : 'bootstrap-refused'));
    // Wakaama takes back what it was given when a bootstrap comes to nothing.
    settings.on('object-event', ({ eventType, uri, remote }) => {
      if (eventType === 'restored') resolve('bootstrap-refused');
      if (remote) print('object', { change: eventType, uri });
    });
    setTimeout(() => resolve(state === 'registering' ? 'not-registered' : 'bootstrap-timeout'),
      1000 * options.seconds);
  });
  client.start();

  const what = await outcome;
  print(what);
  print('accounts', { values: await accounts(settings.objectStore) });
  const gone = setTimeout(() => process.exit(STATUS[what]), 3000); // it does not always obey
  await client.shutdown({ deregister: what === 'registered' });
  clearTimeout(gone);
  print('end', { status: STATUS[what] });
  process.exit(STATUS[what]);
}

// The package leaves promises behind that are rejected when its client ends.
process.on('unhandledRejection', (reason) => console.error('left behind:', reason));

main().catch((e) => {
  console.error(e);
  process.exit(1);
});
