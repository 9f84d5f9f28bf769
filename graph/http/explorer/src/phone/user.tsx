// Whose phone it is, a known user's or that of a new one with any name; and which mini-program is open on it.

import { Button } from "@graphiql/react";
import { type FormEvent, useState } from "react";
import { inLanguage } from "../language";
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
          <input name="name" aria-label={inLanguage("Name of the new user", "新用户的名字")} placeholder={inLanguage("Any name", "任意名字")} maxLength={64} autoFocus />
          <Button type="submit">{inLanguage("Make", "创建")}</Button>
        </form>
      ) : (
        <>
          <select
            aria-label={inLanguage("User of the phone", "手机的用户")}
            value={user}
            onChange={(event) => turnTo({ user: event.target.value })}
          >
            {users.map((known) => (
              <option key={known}>{known}</option>
            ))}
          </select>
          <Button type="button" onClick={() => setNaming(true)}>
            {inLanguage("New user", "新用户")}
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
      {inLanguage("Mini-program", "小程序")}
      <select value={app} onChange={({ target }) => turnTo({ app: target.value })}>
        {apps.map((played) => (
          <option key={played}>{played}</option>
        ))}
      </select>
    </label>
  );
}
