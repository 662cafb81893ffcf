export { parseGuss, parseUssList, type ReadGuss } from './read.ts';
export {
  type Guss,
  isSettingsText,
  KEY_CHOICES,
  type KeyChoice,
  keyChoiceOf,
  repeatedUss,
  UICC_TYPES,
  type Uss,
} from './types.ts';
export { buildGuss, buildUssList } from './write.ts';
