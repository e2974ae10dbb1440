// npm `atlassian-crowd-client` against a running demo, compared with what is true in the simulated tenant.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import CrowdClient from 'atlassian-crowd-client';

const demo = JSON.parse(readFileSync(process.env.MUSTER_DEMO_JSON, 'utf8'));
const truth = await (await fetch(`${demo.simulator.control}/entra/truth`)).json();
const people = truth.users.filter((person) => !person.guest && /^[a-z0-9.@-]+$/i.test(person.login));

const Client = CrowdClient.default ?? CrowdClient;
const crowd = new Client({
  baseUrl: `${demo.crowd.url}/`,
  application: { name: demo.crowd.application, password: demo.crowd.password },
});

test('case 128: a person', async () => {
  const [person] = people;
  const user = await crowd.user.get(person.login);
  assert.equal(user.username, person.login.toLowerCase());
  assert.equal(user.displayname, person.display_name ?? undefined);
  assert.equal(user.active, person.active);
});

test('case 128: somebody who is not there is an error with a reason', async () => {
  await assert.rejects(crowd.user.get('nobody-of-that-name'), (error) => {
    assert.equal(error.type ?? error.reason, 'USER_NOT_FOUND');
    return true;
  });
});

test('case 128: groups of a person, direct and nested', async () => {
  const person = people.find((p) => truth.groups.some((g) => g.users.includes(p.id)));
  const direct = await crowd.user.groups.list(person.login);
  const nested = await crowd.user.groups.list(person.login, true);
  assert.ok(direct.length > 0);
  assert.ok(direct.every((name) => nested.includes(name)));
});

test('case 128: a group, its members, children and parents', async () => {
  const group = truth.groups.find((g) => /^[a-z0-9-]+$/i.test(g.name) && g.users.length > 0)
    ?? truth.groups.find((g) => /^[a-z0-9 -]+$/i.test(g.name) && g.users.length > 0);
  const { name } = group;
  const found = await crowd.group.get(name);
  assert.equal(found.groupname, group.name);
  assert.equal(found.active, true);
  const members = await crowd.group.users.list(name);
  const expected = group.users.filter((id) => truth.users.find((p) => p.id === id && !p.guest));
  assert.equal(members.length, expected.length);
  assert.ok(Array.isArray(await crowd.group.children.list(name)));
  assert.ok(Array.isArray(await crowd.group.parents.list(name)));
});

test('case 128: the membership document lists every group', async () => {
  const memberships = await crowd.group.membership();
  assert.ok(JSON.stringify(memberships).length > 100);
});

test('case 128: search by CQL', async () => {
  const inactive = await crowd.search.user('active=false');
  const expected = people.filter((person) => !person.active).map((person) => person.login.toLowerCase());
  const names = inactive.map((user) => user.username ?? user);
  assert.ok(expected.every((login) => names.includes(login)));
  assert.ok((await crowd.search.group('name="*"')).length > 0);
});

test('case 128: a write is refused and does not crash the client', async () => {
  await assert.rejects(crowd.user.remove(people[0].login));
});

test('case 128: a session without a password check', async () => {
  const [person] = people.filter((p) => p.active);
  const session = await crowd.session.createUnvalidated(person.login);
  assert.match(session.token, /^[A-Za-z0-9]{24}$/);
  assert.equal((await crowd.session.getUser(session.token)).username, person.login.toLowerCase());
  assert.equal((await crowd.session.validate(session.token)).token, session.token);
  const other = await crowd.session.createUnvalidated(person.login);
  await crowd.session.removeAll(person.login, session.token);
  await assert.rejects(crowd.session.validate(other.token));
  await crowd.session.remove(session.token);
  await assert.rejects(crowd.session.getUser(session.token));
});

test('case 128: a password cannot be checked yet', async () => {
  const [person] = people.filter((p) => p.active);
  await assert.rejects(crowd.authentication.authenticate(person.login, 'secret'), (error) => {
    assert.equal(error.type ?? error.reason, 'OPERATION_FAILED');
    return true;
  });
});
