// Whose phone it is: another user's is a cold start of the mini-program, with what was kept for them.

import { useEffect, useState } from "react";
import { inLanguage } from "../language";
import { FIRST_USERS, wechat } from "../simulator";
import { holder, user } from "./owner";

const NEW = "";

export function OwnerSelect() {
  const [users, setUsers] = useState([...new Set([user, ...FIRST_USERS])]);
  const [isNaming, setNaming] = useState(false);
  useEffect(() => {
    void wechat.users().then(({ users: known }) =>
      setUsers((before) => [...new Set([...before, ...known.map((one) => one.user)])]),
    );
  }, []);
  const turnTo = (name: string) => location.assign(`?${new URLSearchParams({ ...holder, user: name })}`);

  if (isNaming) {
    return (
      <form onSubmit={(event) => {
        event.preventDefault();
        turnTo(String(new FormData(event.currentTarget).get("name")));
      }}>
        <input name="name" required maxLength={64} autoFocus aria-label={inLanguage("Name of the new user", "新用户的名字")} />
        <button type="submit">{inLanguage("Make", "创建")}</button>
      </form>
    );
  }
  return (
    <select
      aria-label={inLanguage("User of the phone", "手机的用户")}
      value={user}
      onChange={({ target }) => (target.value === NEW ? setNaming(true) : turnTo(target.value))}
    >
      {users.map((name) => <option key={name}>{name}</option>)}
      <option value={NEW}>{inLanguage("New user…", "新用户…")}</option>
    </select>
  );
}
