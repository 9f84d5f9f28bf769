// Whose phone it is, a known user's or that of a new one with any name; and which mini-program is open on it.

import { Button } from "@graphiql/react";
import { type FormEvent, useState } from "react";
import { turnTo, usePhone } from "./state";
import { Withdrawals } from "./withdrawals";

export function UserWithPhone() {
  const { users, user } = usePhone();
  const [isNaming, setNaming] = useState(false);

  function name(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const chosen = String(new FormData(event.currentTarget).get("name")).trim();
    if (chosen) turnTo({ user: chosen });
    setNaming(false);
  }

  return (
    <div className="phone-user">
      <span className="phone-face" aria-hidden="true">
        {[...user][0]?.toUpperCase()}
      </span>
      {isNaming ? (
        <form onSubmit={name}>
          <input name="name" aria-label="Name of the new user" placeholder="Any name" maxLength={64} autoFocus />
          <Button type="submit">Make</Button>
        </form>
      ) : (
        <>
          <select aria-label="User of the phone" value={user} onChange={(event) => turnTo({ user: event.target.value })}>
            {users.map((known) => (
              <option key={known}>{known}</option>
            ))}
          </select>
          <Button type="button" onClick={() => setNaming(true)}>
            New user
          </Button>
          <Withdrawals />
        </>
      )}
    </div>
  );
}

export function MiniProgram() {
  const { apps, app } = usePhone();
  if (app === null) return null;
  return (
    <label>
      Mini-program
      <select value={app} onChange={({ target }) => turnTo({ app: target.value })}>
        {apps.map((played) => (
          <option key={played}>{played}</option>
        ))}
      </select>
    </label>
  );
}
