// What is loaded when somebody asks why.
export { Compare } from './compare';
export { Counters } from './counters';
export { Profile } from './profile';
export { Queries } from './queries';
