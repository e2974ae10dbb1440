// npm `atlassian-crowd-patched` against a running demo: it falls over any answer but 204 without a Content-Type.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { promisify } from 'node:util';
import AtlassianCrowd from 'atlassian-crowd-patched';

const demo = JSON.parse(readFileSync(process.env.MUSTER_DEMO_JSON, 'utf8'));
const truth = await (await fetch(`${demo.simulator.control}/entra/truth`)).json();
const person = truth.users.find(
  (p) => !p.guest && p.active && /^[a-z0-9.@-]+$/i.test(p.login) && truth.groups.some((g) => g.users.includes(p.id)),
);
const login = person.login.toLowerCase();

const { crowd, application } = { crowd: { base: `${demo.crowd.url}/` }, application: demo.crowd };
const client = new AtlassianCrowd({
  crowd,
  application: { name: application.application, password: application.password },
});
const call = (object, name, ...values) => promisify(object[name].bind(object))(...values);

test('case 129: reads', async () => {
  assert.equal((await call(client, 'ping')).name, 'crowd.token_key');
  assert.equal((await call(client.user, 'find', login)).email, person.email);
  assert.equal(await call(client.user, 'active', login), true);
  const groups = await call(client.user, 'groups', login);
  assert.ok(groups.length > 0);
  const found = await call(client, 'search', 'user', `name=${login}`);
  assert.deepEqual(found.users.map((user) => user.name), [login]);
  const plain = truth.groups.find((g) => g.users.includes(person.id) && /^[a-z0-9-]+$/i.test(g.name));
  if (plain) {
    assert.ok((await call(client.groups, 'directmembers', plain.name)).includes(login));
    assert.ok((await call(client.groups, 'nestedmembers', plain.name)).includes(login));
  }
});

test('case 129: what is not there, and what is not allowed, are errors and no crash', async () => {
  const fails = async (reason, ...arguments_) => {
    await assert.rejects(call(...arguments_), (error) => {
      assert.equal(error.type ?? error.reason, reason, String(error));
      return true;
    });
  };
  await fails('USER_NOT_FOUND', client.user, 'find', 'nobody-of-that-name');
  await fails('GROUP_NOT_FOUND', client.groups, 'find', 'no-group-of-that-name');
  await fails('APPLICATION_PERMISSION_DENIED', client.user, 'create', 'A', 'B', 'A B', 'a@b.example', 'a.b', 'secret');
  await fails('APPLICATION_PERMISSION_DENIED', client.user, 'remove', login);
  await fails('APPLICATION_PERMISSION_DENIED', client.user, 'changepassword', login, 'secret');
  await fails('APPLICATION_PERMISSION_DENIED', client.groups, 'create', 'a-new-group', 'text');
  await fails('GROUP_NOT_FOUND', client.groups, 'remove', 'no-group-of-that-name');
  await fails('OPERATION_FAILED', client.user, 'authenticate', login, 'secret');
  await fails('OPERATION_FAILED', client.session, 'create', login, 'secret');
  await fails('INVALID_SSO_TOKEN', client.session, 'find', 'nosuchtoken00');
  await fails('INVALID_SSO_TOKEN', client.session, 'authenticate', 'nosuchtoken00');
});
