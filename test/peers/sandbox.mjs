// What the stand-in itself is asked: sandboxOf(URL)(METHOD, PATH, BODY) gives its JSON, or fails.
import assert from 'node:assert/strict';

export const sandboxOf = url => async (method, path, body) => {
    const answer = await fetch(`${url}/_sandbox/${path}`, {method, body: body && JSON.stringify(body)});
    const text = await answer.text();
    assert.equal(answer.status, 200, text);
    return JSON.parse(text);
};
