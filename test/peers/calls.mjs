// calls: counts the requests that a client's tests send to a stand-in, without its control calls: read by
// NODE_OPTIONS=--import, so that the client is as it comes. What was counted is added to the file EFF_CALLS.
import {subscribe} from 'node:diagnostics_channel';
import {appendFileSync} from 'node:fs';

let calls = 0;
const count = path => { calls += path.startsWith('/_sandbox') ? 0 : 1; };

subscribe('http.client.request.start', ({request}) => count(request.path));
subscribe('undici:request:create', ({request}) => count(request.path));
process.on('exit', () => calls && appendFileSync(process.env.EFF_CALLS, `${calls}\n`));
