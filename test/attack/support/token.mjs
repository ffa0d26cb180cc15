/** A token of its own for an attacker: bystanders have the administrator's. */
export async function createToken({ control, authorization }, name) {
  const response = await fetch(`${control}/graphql`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json' },
    body: JSON.stringify({ query: 'mutation ($name: String!) { createToken(input: { name: $name }) { secret } }', variables: { name } }),
  });
  const { data } = await response.json();
  return `Bearer ${data.createToken.secret}`;
}

/** The gateway learns of a new token in its own time. */
export async function untilTaken({ gateway }, authorization) {
  for (let i = 0; i < 200; i++) {
    const response = await fetch(`${gateway}/v2/models/digits`, { headers: { authorization } });
    await response.arrayBuffer();
    if (response.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('the gateway does not know a token that was made 10 s ago');
}
