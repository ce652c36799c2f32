// What is loaded when somebody asks why.
export { Profile } from './profile';
