// The peer in Node.js: the server of the documentation of npm `ocpp-rpc`, in strict mode.
//
//     node bench/peer.js PORT
//
// It validates messages and answers by the schemas of OCPP 1.6, and stores nothing.
"use strict";
const { RPCServer } = require("ocpp-rpc");

const now = () => new Date().toISOString();
const idTagInfo = { status: "Accepted" };
const answers = {
  Authorize: () => ({ idTagInfo }),
  BootNotification: () => ({ status: "Accepted", interval: 300, currentTime: now() }),
  Heartbeat: () => ({ currentTime: now() }),
  MeterValues: () => ({}),
  StartTransaction: () => ({ transactionId: 1, idTagInfo }),
  StatusNotification: () => ({}),
  StopTransaction: () => ({ idTagInfo }),
};

const server = new RPCServer({ protocols: ["ocpp1.6"], strictMode: true });
server.on("client", (client) => {
  for (const [action, answer] of Object.entries(answers)) client.handle(action, answer);
});
server.listen(Number(process.argv[2]), "127.0.0.1");
