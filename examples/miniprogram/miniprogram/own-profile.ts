/** The name that the user types and the picture that they choose: uploaded, saved, and checked by WeChat. */

import type { ErrorCode } from './generated/enums'
import type { ProfileFragment } from './generated/graphql'
import { ProfileDocument, UpdateProfileDocument } from './generated/graphql'
import { ServerError } from './graphql/transport'
import { asUser, run } from './session'
import { TooLarge, upload } from './upload'
import { setGlobalUserInfo } from './user-info'

/** What is absent stays as it is. */
export interface Choice {
  nickName?: string
  /** Path of the temporary file that WeChat gives. */
  picture?: string
}

/** What an error is about, so that a page shows it there. */
type Subject = 'name' | 'picture' | 'all'

const OF_NAMES: readonly ErrorCode[] = ['TEXT_REFUSED', 'BAD_USER_INPUT']
const OF_PICTURES: readonly ErrorCode[] = [
  'PICTURE_UNUSABLE', 'PICTURE_REFUSED', 'UPLOAD_NOT_FOUND', 'PAYLOAD_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE',
]

/** The last upload: where the name is refused, the picture need not be sent again. */
let uploaded: { picture: string; avatar: string } | undefined

/** The user as the server has them, with the state of their picture; null where they are gone. */
export async function readProfile(): Promise<ProfileFragment | null> {
  const { me } = await run(ProfileDocument, {})
  return me && kept(me)
}

/** Saves both or nothing. Where the answer got lost, saving the same again is harmless. */
export async function saveProfile({ nickName, picture }: Choice): Promise<ProfileFragment> {
  const save = async () => kept((await run(UpdateProfileDocument, {
    ...(nickName !== undefined && { nickName }),
    ...(picture !== undefined && { avatar: await avatarOf(picture) }),
  })).updateProfile)
  try {
    return await save()
  } catch (error) {
    if (!isOf(['UPLOAD_NOT_FOUND'], error)) throw error
    // It was older than an hour, or another user's who had the phone before.
    uploaded = undefined
    return save()
  }
}

export function subjectOf(error: unknown): Subject {
  if (error instanceof TooLarge || isOf(OF_PICTURES, error)) return 'picture'
  return isOf(OF_NAMES, error) ? 'name' : 'all'
}

async function avatarOf(picture: string): Promise<string> {
  if (uploaded?.picture !== picture) {
    uploaded = { picture, avatar: await asUser((token) => upload(picture, token)) }
  }
  return uploaded.avatar
}

function kept(user: ProfileFragment): ProfileFragment {
  setGlobalUserInfo(user)
  return user
}

function isOf(codes: readonly ErrorCode[], error: unknown): boolean {
  return error instanceof ServerError && codes.includes(error.extensions.code)
}
